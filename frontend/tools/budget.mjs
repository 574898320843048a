// Prints the compressed JavaScript of the built page and fails above the budgets.
import { readdir, readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const DIST = new URL("../dist/", import.meta.url);
const BUDGETS = { "first load": 170, "mask editor": 15 };

const kilobytes = async (name) => gzipSync(await readFile(new URL(name, DIST)), { level: 9 }).length / 1000;

const page = await readFile(new URL("index.html", DIST), "utf8");
const first = [...page.matchAll(/(?:src|href)="\/([^"]+\.js)"/g)].map((match) => match[1]);
const editor = (await readdir(new URL("assets/", DIST))).filter((name) => /^MaskEditor.*\.js$/.test(name));
const parts = { "first load": first, "mask editor": editor.map((name) => `assets/${name}`) };

let over = false;
for (const [name, files] of Object.entries(parts)) {
  const sizes = await Promise.all(files.map(kilobytes));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  over ||= files.length === 0 || total > BUDGETS[name];
  console.log(`${name}: ${total.toFixed(1)} kB of ${BUDGETS[name]} kB (gzip)`);
}
process.exit(over ? 1 : 0);
