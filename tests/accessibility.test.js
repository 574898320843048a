const { readFileSync } = require("node:fs");
const { launch, PHONE, result, run, setSteps, takeExample, upload, visit } = require("./support/browser");

const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

let browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

/** What axe finds on the page as it is, one line a violation. */
async function violations(page) {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(AXE);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return found.violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(" ")}`));
}

const openView = async (page, number) => (await page.$$("header [role=tab]"))[number].click();

describe.each([
  ["light", undefined],
  ["dark", undefined],
  ["dark", PHONE],
])("axe finds nothing, %s, %j", (theme, viewport) => {
  let page;
  beforeEach(async () => {
    page = await visit(browser, { theme, ...(viewport && { viewport }) });
  });
  afterEach(() => page.browserContext().close());

  test("at the beginning, with the drawer open, in the other views", async () => {
    expect(await violations(page)).toEqual([]);
    await page.$eval("[data-drawer]", (drawer) => {
      drawer.open = true;
    });
    expect(await violations(page)).toEqual([]);
    await openView(page, 1);
    expect(await violations(page)).toEqual([]);
    await openView(page, 2);
    expect(await violations(page)).toEqual([]);
  });

  test("while it runs, at the result, in the history", async () => {
    await takeExample(page, "person", 1);
    await takeExample(page, "garment", 1);
    await setSteps(page, 30); // long enough to be looked at
    await run(page);
    await page.waitForSelector("[data-stage]");
    expect(await violations(page)).toEqual([]);
    await result(page);
    await page.$eval("[data-result] details", (details) => {
      details.open = true;
    });
    for (const tab of await page.$$("[data-result] [role=tab]")) {
      await tab.focus(); // a click could hit the bar that lies over the lower edge of a phone
      expect(await violations(page)).toEqual([]);
    }
    await page.$$eval("[data-result] button", (buttons) =>
      buttons.find((one) => one.ariaLabel === "Zoom").click(),
    );
    await page.waitForSelector("dialog img");
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await openView(page, 2);
    await page.waitForSelector("main li");
    expect(await violations(page)).toEqual([]);
  });

  test("at a problem, in the window that asks for a key", async () => {
    const body = JSON.stringify({
      type: "",
      title: "",
      status: 401,
      detail: "D.",
      instance: "i",
      code: "key_required",
      fix: "",
    });
    await page.setRequestInterception(true);
    page.on("request", (request) =>
      request.method() === "POST" && request.url().endsWith("/api/jobs")
        ? request.respond({ status: 401, contentType: "application/problem+json", body })
        : request.continue(),
    );
    await takeExample(page, "person", 1);
    await takeExample(page, "garment", 1);
    await run(page);
    await page.waitForSelector("[data-stage-area] [role=alert] button");
    expect(await violations(page)).toEqual([]);
    await page.$eval("[data-stage-area] [role=alert] button", (button) => button.click());
    await page.waitForSelector("dialog input[type=password]");
    expect(await violations(page)).toEqual([]);
  });

  test("in the mask editor, beside a refused file", async () => {
    await takeExample(page, "person", 1);
    await page.click("[data-mask]");
    await page.waitForSelector('dialog [aria-busy="false"] canvas', { timeout: 40_000 });
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await upload(page, "garment", "notes.txt");
    await page.waitForSelector('[data-slot="garment"] [role=alert]');
    expect(await violations(page)).toEqual([]);
  });
});
