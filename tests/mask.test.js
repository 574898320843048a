const { bytes, launch, result, run, screenshot, takeExample, visit } = require("./support/browser");
const { whiteShare } = require("./support/pictures");

let browser;
let page;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());
beforeEach(async () => {
  page = await visit(browser);
  await takeExample(page, "person", 1);
  await page.click("[data-mask]");
  await page.waitForSelector('dialog [aria-busy="false"] canvas', { timeout: 40_000 });
  await painted((share) => share > 0.05);
});
afterEach(async () => {
  expect(page.faults).toEqual([]);
  await page.browserContext().close();
});

/** Part of the canvas that is painted. */
const share = () =>
  page.$eval("dialog canvas", (canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let at = 3; at < data.length; at += 4) count += data[at] >= 128 ? 1 : 0;
    return count / (data.length / 4);
  });

async function painted(until) {
  for (let tries = 0; tries < 50; tries++) {
    const now = await share();
    if (until(now)) return now;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`painted: ${await share()}`);
}

const pressIn = (name) =>
  page.$$eval(
    "dialog button",
    (buttons, words) => buttons.find((one) => (one.ariaLabel ?? one.textContent) === words).click(),
    name,
  );

async function stroke() {
  const box = await (await page.$("dialog canvas")).boundingBox();
  await page.mouse.move(box.x + box.width * 0.05, box.y + box.height * 0.05);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.95, box.y + box.height * 0.05, { steps: 5 });
  await page.mouse.up();
}

test("brush, eraser, undo, redo, invert and reset do what they say", async () => {
  const automatic = await share();
  await screenshot(page, "mask-editor", false);
  await stroke();
  const more = await painted((now) => now > automatic);
  await pressIn("Undo");
  await painted((now) => now === automatic);
  await pressIn("Redo");
  await painted((now) => now === more);
  await page.click('dialog input[value="erase"]');
  await stroke();
  await painted((now) => now < more);
  await pressIn("Invert");
  await painted((now) => now > 0.3);
  await pressIn("Automatic mask");
  await painted((now) => now === automatic);
});

test("what is painted in an editor that was open before stays", async () => {
  await pressIn("Cancel");
  await page.click("[data-mask]");
  await page.waitForSelector('dialog [aria-busy="false"] canvas');
  const automatic = await painted((now) => now > 0.05);
  await stroke();
  const more = await painted((now) => now > automatic);
  await new Promise((done) => setTimeout(done, 3000)); // as long as the service takes for a mask
  expect(await share()).toBe(more);
});

test("a whole part is added and taken away", async () => {
  const automatic = await share();
  await page.select("dialog select", "face");
  await pressIn("Add");
  const more = await painted((now) => now > automatic);
  await pressIn("Take away");
  await painted((now) => now < more);
});

test("the keyboard paints too", async () => {
  const automatic = await share();
  await page.focus("dialog canvas");
  for (let presses = 0; presses < 40; presses++) await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Space");
  for (let presses = 0; presses < 10; presses++) await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Space");
  await painted((now) => now > automatic);
  await page.keyboard.down("Control");
  await page.keyboard.press("z");
  await page.keyboard.up("Control");
  await painted((now) => now === automatic);
});

test("an edited mask is what is repainted", async () => {
  await pressIn("Invert");
  const inverted = await painted((now) => now > 0.3);
  await pressIn("Use this mask");
  await page.waitForSelector('[data-mask="true"]');
  await takeExample(page, "garment", 1);
  await run(page);
  const used = await bytes(`/api/jobs/${await result(page)}/mask`);
  expect(Math.abs(whiteShare(used) - inverted)).toBeLessThan(0.02);
});
