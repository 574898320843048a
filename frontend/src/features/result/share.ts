const ENDINGS: Record<string, string> = { "image/png": "png", "image/jpeg": "jpg", "image/webp": "webp" };

/** A result as a file with a name that says what it is. */
export function asFile(blob: Blob, seed: number): File {
  return new File([blob], `tryon-${seed}.${ENDINGS[blob.type] ?? "png"}`, { type: blob.type });
}

/** Saves a file to the user's downloads. */
export function download(file: File): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = url;
  link.download = file.name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** Whether this browser can hand a picture to other programs; only over HTTPS, mostly on phones. */
export const canShare = (file: File): boolean => navigator.canShare?.({ files: [file] }) ?? false;

/** Hands a file to another program; says nothing when the user thinks better of it. */
export async function share(file: File): Promise<void> {
  await navigator.share({ files: [file] }).catch(() => undefined);
}
