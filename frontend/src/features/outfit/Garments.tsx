import { useRef } from "react";
import { useTranslation } from "react-i18next";
import { MOST_GARMENTS, type Photo } from "../../studio/studio";
import { useObjectUrl } from "../../studio/useObjectUrl";
import { Button } from "../../ui/Button";
import { Icon } from "../../ui/Icon";
import styles from "./Outfit.module.css";

interface Props {
  garments: Photo[];
  onAdd(files: File[]): void;
  onRemove(photo: Photo): void;
}

function Garment({ photo, onRemove }: { photo: Photo; onRemove(): void }) {
  const { t } = useTranslation();
  const url = useObjectUrl(photo.blob);
  return (
    <li>
      <button
        type="button"
        className={styles.garment}
        aria-label={t("outfit.remove", { name: photo.name })}
        onClick={onRemove}
      >
        {url && <img src={url} alt="" />}
        <span className={styles.cross}>
          <Icon name="close" size={14} />
        </span>
      </button>
    </li>
  );
}

/** The garments that wait for the same person, and a button for one more. */
export function Garments({ garments, onAdd, onRemove }: Props) {
  const { t } = useTranslation();
  const input = useRef<HTMLInputElement>(null);
  return (
    <div className={styles.garments}>
      {garments.length > 1 && (
        <ul aria-label={t("outfit.chosen", { count: garments.length })}>
          {garments.map((photo) => (
            <Garment key={photo.id} photo={photo} onRemove={() => onRemove(photo)} />
          ))}
        </ul>
      )}
      <Button
        look="quiet"
        icon="plus"
        disabled={garments.length >= MOST_GARMENTS}
        onClick={() => input.current?.click()}
      >
        {t("outfit.add")}
      </Button>
      <input
        ref={input}
        type="file"
        hidden
        multiple
        accept="image/*"
        aria-label={t("outfit.add")}
        onChange={(event) => {
          onAdd([...(event.target.files ?? [])]);
          event.target.value = "";
        }}
      />
    </div>
  );
}
