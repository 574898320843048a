import { lazy, Suspense, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "../../ui/Button";
import type { IconName } from "../../ui/Icon";
import { Icon } from "../../ui/Icon";
import styles from "./Photo.module.css";
import type { Slot } from "./useIntake";

const Camera = lazy(() => import("./Camera"));
const ICONS: Record<Slot, IconName> = { person: "person", garment: "garment", pose: "person" };

interface Props {
  slot: Slot;
  busy: boolean;
  onChoose(): void;
  onPhoto(files: File[]): void;
}

/** Phones have a better camera of their own; elsewhere the page opens one, where the browser allows it. */
const opensOwnCamera = (): boolean =>
  Boolean(navigator.mediaDevices?.getUserMedia) && !window.matchMedia("(pointer: coarse)").matches;

/** What to do about a slot that holds nothing yet. */
export function EmptyCard({ slot, busy, onChoose, onPhoto }: Props) {
  const { t } = useTranslation();
  const [camera, setCamera] = useState(false);
  const phone = useRef<HTMLInputElement>(null);
  return (
    <div className={styles.empty} aria-busy={busy}>
      <span className={styles.emblem}>
        <Icon name={ICONS[slot]} size={30} />
      </span>
      <p className={styles.hint}>{busy ? t("photo.reading") : t(`slot.${slot}.hint`)}</p>
      <div className={styles.choose}>
        <Button onClick={onChoose}>{t(`slot.${slot}.choose`)}</Button>
        <Button
          icon="camera"
          iconOnly
          onClick={() => (opensOwnCamera() ? setCamera(true) : phone.current?.click())}
        >
          {t(`slot.${slot}.camera`)}
        </Button>
      </div>
      <p className={styles.ways}>{t("photo.ways")}</p>
      <input
        ref={phone}
        type="file"
        hidden
        accept="image/*"
        capture="environment"
        aria-label={t(`slot.${slot}.camera`)}
        onChange={(event) => onPhoto([...(event.target.files ?? [])])}
      />
      {camera && (
        <Suspense>
          <Camera onPhoto={(file) => onPhoto([file])} onClose={() => setCamera(false)} />
        </Suspense>
      )}
    </div>
  );
}
