import { useEffect } from "react";
import { useDropzone } from "react-dropzone";
import { useTranslation } from "react-i18next";
import { asFailure } from "../../api/problems";
import type { Photo } from "../../studio/studio";
import { Icon } from "../../ui/Icon";
import { ProblemNote } from "../problem/ProblemNote";
import { CardPicture } from "./CardPicture";
import { EmptyCard } from "./EmptyCard";
import { ExampleShelf } from "./ExampleShelf";
import styles from "./Photo.module.css";
import type { Slot } from "./useIntake";
import { useIntake } from "./useIntake";

interface Props {
  slot: Slot;
  photo: Photo | null;
  /** Whether a pasted picture comes here when no card has the focus. */
  pasteHere: boolean;
  onRemove(): void;
  /** What was noticed about the picture. */
  notes?: React.ReactNode;
  /** What belongs under the picture. */
  children?: React.ReactNode;
}

/** Listens for a pasted picture that is meant for this slot. */
function usePaste(slot: Slot, pasteHere: boolean, take: (files: File[]) => void): void {
  useEffect(() => {
    const onPaste = (event: ClipboardEvent) => {
      const files = [...(event.clipboardData?.files ?? [])];
      const focused = document.activeElement?.closest<HTMLElement>("[data-slot]")?.dataset.slot;
      if (files.length > 0 && (focused ? focused === slot : pasteHere)) take(files);
    };
    window.addEventListener("paste", onPaste);
    return () => window.removeEventListener("paste", onPaste);
  }, [slot, pasteHere, take]);
}

/** One picture of the studio: choose, drop, paste, photograph or take an example; look at it; remove it. */
export function PhotoCard({ slot, photo, pasteHere, onRemove, notes, children }: Props) {
  const { t } = useTranslation();
  const intake = useIntake(slot);
  const several = slot === "garment";
  const take = (files: File[]) => intake.mutate({ source: files });
  const zone = useDropzone({ onDrop: take, multiple: several, noClick: true, noKeyboard: true });
  usePaste(slot, pasteHere, take);
  const lit = zone.isDragActive ? styles.over : zone.isDragGlobal ? styles.near : "";

  return (
    <section className={styles.card} data-slot={slot} aria-label={t(`slot.${slot}.title`)}>
      <h2 className={styles.title}>{t(`slot.${slot}.title`)}</h2>
      <div {...zone.getRootProps({ className: `${styles.frame} ${lit}`, role: "presentation" })}>
        <input
          {...zone.getInputProps({ accept: "image/*", "aria-label": t(`slot.${slot}.choose`), tabIndex: -1 })}
        />
        {photo ? (
          <CardPicture slot={slot} photo={photo} onChange={zone.open} onRemove={onRemove} notes={notes} />
        ) : (
          <EmptyCard slot={slot} busy={intake.isPending} onChoose={zone.open} onPhoto={take} />
        )}
        {zone.isDragActive && (
          <p className={styles.dropHere}>
            <Icon name="plus" size={28} />
            {t(`slot.${slot}.drop`)}
          </p>
        )}
      </div>
      {intake.error && <ProblemNote failure={asFailure(intake.error)} onDismiss={intake.reset} />}
      {children}
      <ExampleShelf
        slot={slot}
        chosen={photo?.name}
        onChoose={(example) => intake.mutate({ source: example })}
      />
    </section>
  );
}
