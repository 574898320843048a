import { afterEach, expect, test, vi } from "vitest";
import { keep, kept } from "./kept";

afterEach(() => vi.restoreAllMocks());

test("a word is kept and forgotten", () => {
  keep("word", "yes");
  expect(localStorage.getItem("word")).toBe("yes");
  expect(kept("word")).toBe("yes");
  keep("word", null);
  expect(kept("word")).toBeNull();
});

test("where the browser keeps nothing, a word lives as long as the page", () => {
  for (const storage of ["localStorage", "sessionStorage"] as const) {
    vi.spyOn(window, storage, "get").mockImplementation(() => {
      throw new DOMException("", "SecurityError");
    });
    keep("word", "yes", storage);
    expect(kept("word", storage)).toBe("yes");
    keep("word", null, storage);
    expect(kept("word", storage)).toBeNull();
  }
});
