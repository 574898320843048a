import { useId } from "react";
import styles from "./Field.module.css";

interface Props<T extends string> {
  label: string;
  hint?: string | undefined;
  value: T;
  choices: readonly { value: T; label: string }[];
  onChange(value: T): void;
}

/** One of several, in the browser's own list. */
export function Select<T extends string>({ label, hint, value, choices, onChange }: Props<T>) {
  const id = useId();
  return (
    <div className={styles.field}>
      <label className={styles.label} htmlFor={id}>
        {label}
      </label>
      <select
        id={id}
        className={styles.select}
        value={value}
        aria-describedby={hint && `${id}-hint`}
        onChange={(event) => onChange(event.target.value as T)}
      >
        {choices.map((choice) => (
          <option key={choice.value} value={choice.value}>
            {choice.label}
          </option>
        ))}
      </select>
      {hint && (
        <p id={`${id}-hint`} className={styles.hint}>
          {hint}
        </p>
      )}
    </div>
  );
}
