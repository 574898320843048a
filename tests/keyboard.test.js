const { launch, result, visit } = require("./support/browser");

let browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

/** Presses Tab until the focus lies on what matches. */
async function tabTo(page, selector, most = 60) {
  for (let presses = 0; presses < most; presses++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
  }
  throw new Error(`Tab never reached ${selector}`);
}

test("a try-on from the first key to the download, without a mouse", async () => {
  const page = await visit(browser);
  await tabTo(page, '[data-slot="person"] li button');
  await page.keyboard.press("Enter");
  await page.waitForSelector('[data-slot="person"] img[src^="blob:"]');
  await tabTo(page, '[data-slot="garment"] li button');
  await page.keyboard.press("Enter");
  await page.waitForSelector('[data-slot="garment"] img[src^="blob:"]');
  await tabTo(page, 'input[name="garment-type"]');
  await tabTo(page, "summary");
  await page.keyboard.press("Enter");
  await tabTo(page, "[data-drawer] input[type=range]");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.down("Control");
  await page.keyboard.press("Enter");
  await page.keyboard.up("Control");
  await result(page);
  expect(await page.evaluate(() => document.activeElement.tagName)).toBe("H2");

  await tabTo(page, "[data-result] input[type=range]");
  await page.keyboard.press("ArrowRight");
  expect(await page.evaluate(() => document.activeElement.valueAsNumber)).toBe(51);
  await tabTo(page, "[data-result] section button");
  expect(await page.evaluate(() => document.activeElement.textContent)).toBe("Download");
  expect(page.faults).toEqual([]);
  await page.browserContext().close();
});

test("the focus stays in an open window, Escape closes it, and it goes back where it came from", async () => {
  const page = await visit(browser);
  await page.click('[data-slot="person"] li button');
  await page.waitForSelector("[data-mask]");
  await page.focus("[data-mask]");
  await page.keyboard.press("Enter");
  await page.waitForSelector("dialog canvas");
  for (let presses = 0; presses < 15; presses++) {
    await page.keyboard.press("Tab");
    expect(
      await page.evaluate(
        () => Boolean(document.activeElement.closest("dialog")) || document.activeElement === document.body,
      ),
    ).toBe(true);
  }
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => !document.querySelector("dialog"));
  expect(await page.evaluate(() => document.activeElement.hasAttribute("data-mask"))).toBe(true);
  await page.browserContext().close();
});
