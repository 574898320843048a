// Writes .gz and .br beside the built files, so that no server has to compress them again.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { brotliCompressSync, gzipSync } from "node:zlib";

const DIST = new URL("../dist/", import.meta.url);
const TEXT = /\.(html|js|css|svg|webmanifest)$/;

const names = (await readdir(DIST, { recursive: true })).filter((name) => TEXT.test(name));
for (const name of names) {
  const content = await readFile(new URL(name, DIST));
  await writeFile(new URL(`${name}.gz`, DIST), gzipSync(content, { level: 9 }));
  await writeFile(new URL(`${name}.br`, DIST), brotliCompressSync(content));
}
