import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import de from "./de.json";
import en from "./en.json";
import zh from "./zh.json";

const PACKAGE = resolve(import.meta.dirname, "../../../model/leffa");
const ERRORS = readFileSync(resolve(PACKAGE, "errors.py"), "utf8");

/** The codes of the service's errors, without those of files named on the command line. */
function codesOfService(): string[] {
  const classes = ERRORS.split(/^class /m).slice(1);
  const overHttp = classes.filter((text) => !/^BadFile\(|^\w+\(BadFile\)/.test(text));
  const named = overHttp.map(
    (text) => /^ {4}code(?:: ClassVar\[str\])?(?:, \w+)* = "(\w+)"/m.exec(text)?.[1],
  );
  return named.filter((code) => code !== undefined);
}

/** The codes of what the pre-flight check notices. */
function codesOfCheck(): string[] {
  const folder = resolve(PACKAGE, "preflight");
  const files = readdirSync(folder).filter((name) => name.endsWith(".py"));
  const text = files.map((name) => readFileSync(resolve(folder, name), "utf8")).join("\n");
  return [...text.matchAll(/Finding\(\s*"(\w+)"/g)].map(([, code]) => code ?? "");
}

function keys(texts: object, before = ""): string[] {
  return Object.entries(texts).flatMap(([key, text]) =>
    typeof text === "string" ? [before + key] : keys(text, `${before}${key}.`),
  );
}

test("every error that the service can send has a title and a fix", () => {
  const codes = codesOfService();
  expect(codes.length).toBeGreaterThan(25);
  expect(codes.filter((code) => !(code in en.problem))).toEqual([]);
});

test("everything that the check notices has a text", () => {
  const codes = codesOfCheck();
  expect(codes.length).toBeGreaterThan(8);
  expect(codes.filter((code) => !(code in en.finding))).toEqual([]);
});

test.each([
  ["de", de],
  ["zh", zh],
])("%s says everything that English says", (_, texts) => {
  expect(keys(texts)).toEqual(keys(en));
});

test.each([
  ["de", de],
  ["zh", zh],
])("%s fills in the same values as English", (_, texts) => {
  const values = (catalogue: object) =>
    keys(catalogue).map((key) => {
      const text = key
        .split(".")
        .reduce<unknown>((node, part) => (node as Record<string, unknown>)[part], catalogue);
      return [key, [...String(text).matchAll(/{{(\w+)}}/g)].map(([, name]) => name).sort()];
    });
  // The singular may spell its number out.
  const plural = (list: unknown[][]) => list.filter(([key]) => !String(key).endsWith("_one"));
  expect(plural(values(texts))).toEqual(plural(values(en)));
});
