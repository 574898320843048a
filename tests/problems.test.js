const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { filled, launch, run, takeExample, upload, visit } = require("./support/browser");
const { ROOT } = require("./support/stack");

const TEXTS = JSON.parse(readFileSync(join(ROOT, "frontend/src/i18n/en.json"), "utf8")).problem;
const { details: _, ...BY_CODE } = TEXTS;
const CARD = "[data-stage-area] [role=alert]";

let browser;
let page;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());
beforeEach(async () => {
  page = await visit(browser);
});
afterEach(async () => {
  expect(page.faults).toEqual([]);
  await page.browserContext().close();
});

const noteCode = (slot) =>
  page
    .waitForSelector(`[data-slot="${slot}"] [role=alert]`)
    .then((note) => note.evaluate((node) => node.dataset.code));

test.each([
  ["empty.png", "empty_file"],
  ["notes.txt", "not_an_image"],
  ["truncated.png", "not_an_image"],
  ["tiny.png", "image_too_small"],
])("%s is refused beside its card, before it is sent", async (name, code) => {
  await upload(page, "person", name);
  expect(await noteCode("person")).toBe(code);
});

test("a photo of nobody is told at once, and again when it is tried; the button leads to the photo", async () => {
  await upload(page, "person", "nobody.png");
  await filled(page, "person");
  await page.waitForSelector('[data-slot="person"] li[data-code="no_person"]');
  await takeExample(page, "garment", 1);
  await run(page);
  await page.waitForSelector(`${CARD}[data-code="no_person"]`, { timeout: 40_000 });
  await page.click(`${CARD} button`);
  expect(await page.evaluate(() => document.activeElement.closest("[data-slot]")?.dataset.slot)).toBe(
    "person",
  );
});

test("every problem that the service can answer has its own message", async () => {
  await page.setRequestInterception(true);
  let code = "";
  page.on("request", (request) => {
    if (request.method() !== "POST" || !request.url().endsWith("/api/jobs")) return request.continue();
    request.respond({
      status: 503,
      contentType: "application/problem+json",
      body: JSON.stringify({
        type: "",
        title: "T",
        status: 503,
        detail: "D.",
        instance: "i",
        code,
        fix: "F.",
      }),
    });
  });
  await takeExample(page, "person", 1);
  await takeExample(page, "garment", 1);
  for (code of Object.keys(BY_CODE)) {
    await run(page);
    const card = await page.waitForSelector(`${CARD}[data-code="${code}"]`);
    const [title, fix] = await card.evaluate((node) => [
      node.querySelector("h2").textContent,
      node.querySelector("p").textContent,
    ]);
    expect([code, title, fix]).toEqual([code, BY_CODE[code].title, BY_CODE[code].fix]);
  }
});

test("a full line says for how long to wait", async () => {
  await page.setRequestInterception(true);
  page.on("request", (request) => {
    if (request.method() !== "POST" || !request.url().endsWith("/api/jobs")) return request.continue();
    const body = JSON.stringify({
      type: "",
      title: "",
      status: 503,
      detail: "",
      instance: "",
      code: "queue_full",
      fix: "",
    });
    request.respond({
      status: 503,
      headers: { "Retry-After": "2" },
      contentType: "application/problem+json",
      body,
    });
  });
  await takeExample(page, "person", 1);
  await takeExample(page, "garment", 1);
  await run(page);
  await page.waitForFunction((card) => document.querySelector(`${card} button`)?.disabled, {}, CARD);
  await page.waitForFunction(
    (card) => document.querySelector(`${card} button`)?.disabled === false,
    { timeout: 5000 },
    CARD,
  );
});
