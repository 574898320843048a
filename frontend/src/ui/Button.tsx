import type { ComponentProps } from "react";
import styles from "./Button.module.css";
import type { IconName } from "./Icon";
import { Icon } from "./Icon";

interface Props extends ComponentProps<"button"> {
  look?: "primary" | "plain" | "quiet";
  icon?: IconName;
  /** Shows the icon only; the children become the name for screen readers and the tip. */
  iconOnly?: boolean;
}

/** A button; 44 pixels high where fingers press it. */
export function Button({ look = "plain", icon, iconOnly, children, className = "", ...rest }: Props) {
  const tip = iconOnly && typeof children === "string" ? children : undefined;
  return (
    <button
      type="button"
      className={`${styles.button} ${styles[look]} ${iconOnly ? styles.square : ""} ${className}`}
      aria-label={tip}
      title={tip}
      {...rest}
    >
      {icon && <Icon name={icon} />}
      {!iconOnly && children}
    </button>
  );
}
