import { useId } from "react";
import styles from "./Field.module.css";

interface Props {
  label: string;
  hint: string;
  checked: boolean;
  onChange(checked: boolean): void;
}

/** On or off, with one line of what it does. */
export function Switch({ label, hint, checked, onChange }: Props) {
  const id = useId();
  return (
    <label className={styles.switch}>
      <input
        type="checkbox"
        role="switch"
        checked={checked}
        aria-checked={checked}
        aria-labelledby={`${id}-label`}
        aria-describedby={`${id}-hint`}
        onChange={(event) => onChange(event.target.checked)}
      />
      <span>
        <span id={`${id}-label`} className={styles.label}>
          {label}
        </span>
        <span id={`${id}-hint`} className={`${styles.hint} ${styles.block}`}>
          {hint}
        </span>
      </span>
    </label>
  );
}
