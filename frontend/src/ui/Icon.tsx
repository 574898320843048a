const PATHS = {
  close: "M6 6l12 12M18 6L6 18",
  plus: "M12 5v14M5 12h14",
  download: "M12 4v11m0 0l-4-4m4 4l4-4M5 19h14",
  share: "M12 15V4m0 0L8 8m4-4l4 4M6 12v7h12v-7",
  zoom: "M10.500 17a6.500 6.500 0 100-13 6.500 6.500 0 000 13zM15.500 15.500L20 20M10.500 8v5M8 10.500h5",
  person: "M12 11a3.500 3.500 0 100-7 3.500 3.500 0 000 7zM5 20c.6-3.800 3.400-6 7-6s6.400 2.200 7 6",
  garment: "M9 4L4 7l2 4 2-1v10h8V10l2 1 2-4-5-3c-.5 1.500-1.600 2.200-3 2.200S9.500 5.500 9 4z",
  trousers: "M7 4h10l1.500 16H14l-2-10-2 10H5.500L7 4z",
  dress: "M9 4l1 5-4 11h12L14 9l1-5-3 2-3-2z",
  camera: "M4 8h3.500L9 5.500h6L16.500 8H20v11H4V8zM12 16a3 3 0 100-6 3 3 0 000 6z",
  brush: "M14.500 4.500l5 5L10 19H5v-5l9.500-9.500zM12.500 6.500l5 5",
  eraser: "M8 19h11M5 15l9.500-9.500 5 5L12 18H8l-3-3z",
  undo: "M8 5L4 9l4 4M4 9h10a5 5 0 010 10h-3",
  redo: "M16 5l4 4-4 4M20 9H10a5 5 0 000 10h3",
  invert: "M12 4a8 8 0 100 16 8 8 0 000-16zM12 4v16M12 8h4.500M12 12h8M12 16h4.500",
  again: "M19 12a7 7 0 11-2.200-5.100M19 4v4h-4",
  trash: "M5 7h14M10 7V4.500h4V7M7 7l1 13h8l1-13M10.500 11v5.500M13.500 11v5.500",
  sun: "M12 16a4 4 0 100-8 4 4 0 000 8zM12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M18.700 5.300l-1.400 1.400M6.700 17.300l-1.400 1.400",
  moon: "M19.500 14.500A8 8 0 019.500 4.500a8 8 0 1010 10z",
  globe:
    "M12 20a8 8 0 100-16 8 8 0 000 16zM4.500 9.500h15M4.500 14.500h15M12 4c-2.500 2.300-3.500 5-3.500 8s1 5.700 3.500 8c2.500-2.300 3.500-5 3.500-8S14.500 6.300 12 4z",
  lock: "M7 11V8a5 5 0 0110 0v3M5.500 11h13v9h-13v-9z",
  unlock: "M7 11V8a5 5 0 019.500-2M5.500 11h13v9h-13v-9z",
  copy: "M9 9h10v11H9V9zM15 9V4H5v11h4",
  warning: "M12 4l9 16H3l9-16zM12 10v4.500M12 17v.5",
  info: "M12 20a8 8 0 100-16 8 8 0 000 16zM12 11v5M12 8v.5",
  check: "M5 12.500l4.500 4.500L19 7.500",
  variants: "M4 8h11v12H4V8zM9 8V4h11v12h-5",
  chevron: "M6 9l6 6 6-6",
  image: "M4 5h16v14H4V5zM4 16l5-5 4 4 3-3 4 4M15.500 9.500v.1",
} as const;

export type IconName = keyof typeof PATHS;

/** A line drawing of 20 pixels in the colour of the text; says nothing to screen readers. */
export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.7"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
