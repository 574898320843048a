import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "../../ui/Button";
import { Range } from "../../ui/Range";
import { Segmented } from "../../ui/Segmented";
import { Select } from "../../ui/Select";
import styles from "./MaskEditor.module.css";

const LAYERS = ["cloth", "arms", "hands", "face", "hair", "accessories", "shoes"] as const;
export type LayerName = (typeof LAYERS)[number];

interface Props {
  size: number;
  erase: boolean;
  canUndo: boolean;
  canRedo: boolean;
  layers: boolean;
  onSize(size: number): void;
  onErase(erase: boolean): void;
  onUndo(): void;
  onRedo(): void;
  onInvert(): void;
  onReset(): void;
  onLayer(name: LayerName, erase: boolean): void;
}

/** A part of the body or of the clothes, to add to the mask or to take out of it at once. */
function Layers({ onLayer }: Pick<Props, "onLayer">) {
  const { t } = useTranslation();
  const [name, setName] = useState<LayerName>("arms");
  return (
    <div className={styles.layers}>
      <Select
        label={t("mask.part")}
        value={name}
        choices={LAYERS.map((value) => ({ value, label: t(`layer.${value}`) }))}
        onChange={(part) => setName(part)}
      />
      <div className={styles.row}>
        <Button icon="plus" onClick={() => onLayer(name, false)}>
          {t("mask.add")}
        </Button>
        <Button icon="eraser" onClick={() => onLayer(name, true)}>
          {t("mask.take")}
        </Button>
      </div>
    </div>
  );
}

/** Brush, eraser, their size, and the ways back. */
export function Tools(props: Props) {
  const { t } = useTranslation();
  return (
    <div className={styles.tools}>
      <Segmented
        name="tool"
        legend={t("mask.tool")}
        value={props.erase ? "erase" : "paint"}
        choices={[
          { value: "paint", label: t("mask.brush"), icon: "brush" },
          { value: "erase", label: t("mask.eraser"), icon: "eraser" },
        ]}
        onChange={(tool) => props.onErase(tool === "erase")}
      />
      <Range
        label={t("mask.size")}
        hint={t("mask.sizeHint")}
        value={Math.round(props.size * 100)}
        shown={`${Math.round(props.size * 100)} %`}
        min={1}
        max={25}
        onChange={(size) => props.onSize(size / 100)}
      />
      <div className={styles.row}>
        <Button icon="undo" iconOnly disabled={!props.canUndo} onClick={props.onUndo}>
          {t("mask.undo")}
        </Button>
        <Button icon="redo" iconOnly disabled={!props.canRedo} onClick={props.onRedo}>
          {t("mask.redo")}
        </Button>
        <Button icon="invert" iconOnly onClick={props.onInvert}>
          {t("mask.invert")}
        </Button>
        <Button icon="again" onClick={props.onReset}>
          {t("mask.reset")}
        </Button>
      </div>
      {props.layers && <Layers onLayer={props.onLayer} />}
    </div>
  );
}
