import styles from "./Field.module.css";

interface Props {
  legend: string;
  hint: string;
  value: readonly string[];
  choices: readonly { value: string; label: string }[];
  onChange(value: string[]): void;
}

/** Any of several. */
export function Chips({ legend, hint, value, choices, onChange }: Props) {
  const toggle = (word: string) =>
    onChange(value.includes(word) ? value.filter((other) => other !== word) : [...value, word]);
  return (
    <fieldset className={styles.chips}>
      <legend className={styles.label}>{legend}</legend>
      <div className={styles.chipRow}>
        {choices.map((choice) => (
          <label key={choice.value} className={styles.chip}>
            <input
              type="checkbox"
              checked={value.includes(choice.value)}
              onChange={() => toggle(choice.value)}
            />
            {choice.label}
          </label>
        ))}
      </div>
      <p className={styles.hint}>{hint}</p>
    </fieldset>
  );
}
