import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import styles from "./Photo.module.css";

interface Props {
  onPhoto(file: File): void;
  onClose(): void;
}

/** A photo from the computer's camera. */
export default function Camera({ onPhoto, onClose }: Props) {
  const { t } = useTranslation();
  const video = useRef<HTMLVideoElement>(null);
  const [denied, setDenied] = useState(false);

  useEffect(() => {
    let stream: MediaStream | undefined;
    let gone = false;
    const stop = () => {
      for (const track of stream?.getTracks() ?? []) track.stop();
    };
    navigator.mediaDevices
      .getUserMedia({ video: { width: { ideal: 1920 } } })
      .then((opened) => {
        stream = opened;
        if (gone) stop();
        else if (video.current) video.current.srcObject = opened;
      })
      .catch(() => setDenied(true));
    return () => {
      gone = true;
      stop();
    };
  }, []);

  const shoot = () => {
    const source = video.current;
    if (!source) return;
    const canvas = document.createElement("canvas");
    canvas.width = source.videoWidth;
    canvas.height = source.videoHeight;
    canvas.getContext("2d")?.drawImage(source, 0, 0);
    canvas.toBlob(
      (blob) => blob && onPhoto(new File([blob], "camera.jpg", { type: blob.type })),
      "image/jpeg",
      0.93,
    );
    onClose();
  };

  return (
    <Dialog
      title={t("camera.title")}
      onClose={onClose}
      footer={
        <Button look="primary" icon="camera" disabled={denied} onClick={shoot}>
          {t("camera.shoot")}
        </Button>
      }
    >
      {denied ? (
        <p>{t("camera.denied")}</p>
      ) : (
        <video ref={video} className={styles.video} autoPlay playsInline muted />
      )}
    </Dialog>
  );
}
