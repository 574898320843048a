import { useId } from "react";
import styles from "./Field.module.css";

interface Props {
  label: string;
  hint: string;
  value: number;
  shown: string;
  min: number;
  max: number;
  step?: number;
  onChange(value: number): void;
}

/** A number on a scale, with its name, its value and one line of what it does. */
export function Range({ label, hint, value, shown, min, max, step = 1, onChange }: Props) {
  const id = useId();
  return (
    <div className={styles.field}>
      <div className={styles.top}>
        <label className={styles.label} htmlFor={id}>
          {label}
        </label>
        <output className={styles.value} htmlFor={id}>
          {shown}
        </output>
      </div>
      <input
        id={id}
        className={styles.range}
        type="range"
        {...{ min, max, step, value }}
        aria-describedby={`${id}-hint`}
        aria-valuetext={shown}
        onChange={(event) => onChange(event.target.valueAsNumber)}
      />
      <p id={`${id}-hint`} className={styles.hint}>
        {hint}
      </p>
    </div>
  );
}
