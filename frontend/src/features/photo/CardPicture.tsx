import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Photo } from "../../studio/studio";
import { useObjectUrl } from "../../studio/useObjectUrl";
import { Button } from "../../ui/Button";
import styles from "./Photo.module.css";
import type { Slot } from "./useIntake";

interface Props {
  slot: Slot;
  photo: Photo;
  /** What was noticed about it; lies over its lower edge, so that nothing moves when it arrives. */
  notes: ReactNode;
  onChange(): void;
  onRemove(): void;
}

/** The chosen picture with its buttons. */
export function CardPicture({ slot, photo, notes, onChange, onRemove }: Props) {
  const { t } = useTranslation();
  const url = useObjectUrl(photo.blob);
  return (
    <>
      {url && (
        <img className={styles.picture} src={url} alt={t(`slot.${slot}.chosen`, { name: photo.name })} />
      )}
      <div className={styles.tools}>
        <Button icon="image" iconOnly onClick={onChange}>
          {t(`slot.${slot}.change`)}
        </Button>
        <Button icon="close" iconOnly onClick={onRemove}>
          {t(`slot.${slot}.remove`)}
        </Button>
      </div>
      <div className={styles.notes}>{notes}</div>
    </>
  );
}
