import { useMutation } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { useAddress } from "../../studio/address";
import { useStudio } from "../../studio/StudioProvider";
import { Button } from "../../ui/Button";
import type { Entry, Made } from "../history/store";
import { takeIn } from "../photo/intake";
import styles from "./Result.module.css";
import { asFile, canShare, download, share } from "./share";

interface Props {
  entry: Entry;
  made: Made;
  onAgain(): void;
  onVariants(): void;
}

/** What can be done with a result. */
export function Toolbar({ entry, made, onAgain, onVariants }: Props) {
  const { t } = useTranslation();
  const [, go] = useAddress();
  const [, dispatch] = useStudio();
  const file = asFile(made.blob, made.seed);
  const usePerson = useMutation({
    mutationFn: () => takeIn(file, "human_image"),
    onSuccess: (photo) => {
      dispatch({ type: "person", photo });
      go({ view: "tryon" });
      document.querySelector<HTMLElement>('[data-slot="garment"] button')?.focus();
    },
  });
  return (
    <section className={styles.toolbar} aria-label={t("result.tools")}>
      <Button look="primary" icon="download" onClick={() => download(file)}>
        {t("result.download")}
      </Button>
      {canShare(file) && (
        <Button icon="share" onClick={() => share(file)}>
          {t("result.share")}
        </Button>
      )}
      <Button icon="person" disabled={usePerson.isPending} onClick={() => usePerson.mutate()}>
        {t("result.usePerson")}
      </Button>
      <Button icon="variants" disabled={!entry.person} onClick={onVariants}>
        {t("result.variants")}
      </Button>
      <Button icon="lock" disabled={!entry.person} onClick={onAgain}>
        {t("result.again")}
      </Button>
    </section>
  );
}
