import type { IconName } from "./Icon";
import { Icon } from "./Icon";
import styles from "./Segmented.module.css";

interface Props<T extends string> {
  name: string;
  legend: string;
  value: T;
  choices: readonly { value: T; label: string; icon?: IconName }[];
  onChange(value: T): void;
}

/** One of a few, side by side: radio buttons that look like a switch. */
export function Segmented<T extends string>({ name, legend, value, choices, onChange }: Props<T>) {
  return (
    <fieldset className={styles.group}>
      <legend className={styles.legend}>{legend}</legend>
      <div className={styles.row}>
        {choices.map((choice) => (
          <label key={choice.value} className={styles.choice}>
            <input
              type="radio"
              name={name}
              value={choice.value}
              checked={choice.value === value}
              onChange={() => onChange(choice.value)}
            />
            {choice.icon && <Icon name={choice.icon} size={18} />}
            <span>{choice.label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
