import { useTranslation } from "react-i18next";
import { Button } from "../../ui/Button";
import { SHOWCASE } from "../photo/examples";
import { Compare } from "./Compare";
import styles from "./Result.module.css";

interface Props {
  busy: boolean;
  onTry(): void;
}

/** Before anything was made: a finished example, and one press to make the first. */
export function EmptyResult({ busy, onTry }: Props) {
  const { t } = useTranslation();
  return (
    <div className={styles.result}>
      <h2 className={styles.heading}>
        {t("empty.title")}
        <span className={styles.facts}>{t("empty.example")}</span>
      </h2>
      <div className={styles.view}>
        <Compare
          before={SHOWCASE.person}
          after={SHOWCASE.result}
          alt={t("empty.alt")}
          label={t("result.compare")}
        />
        <img
          className={styles.inset}
          src={SHOWCASE.garment}
          alt={t("empty.garment")}
          width="96"
          height="128"
        />
      </div>
      <div className={styles.invite}>
        <p>{t("empty.text")}</p>
        <Button icon="again" disabled={busy} onClick={onTry}>
          {t("empty.try")}
        </Button>
      </div>
    </div>
  );
}
