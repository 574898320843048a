const { readFileSync } = require("node:fs");
const {
  asset,
  bytes,
  filled,
  launch,
  result,
  run,
  setSteps,
  takeExample,
  upload,
  visit,
} = require("./support/browser");
const { differences } = require("./support/pictures");

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

/** Gives files to a slot as a drag or a paste would. */
const give = (slot, event, names) =>
  page.$eval(
    `[data-slot="${slot}"]`,
    (card, kind, files) => {
      const transfer = new DataTransfer();
      for (const { name, base64 } of files) {
        const data = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
        transfer.items.add(new File([data], name, { type: "image/png" }));
      }
      if (kind === "paste") {
        window.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer }));
        return;
      }
      const zone = card.querySelector("[role=presentation]");
      for (const type of ["dragenter", "dragover", "drop"]) {
        zone.dispatchEvent(
          new DragEvent(type, {
            bubbles: true,
            cancelable: true,
            dataTransfer: transfer,
          }),
        );
      }
    },
    event,
    names.map((name) => ({
      name,
      base64: readFileSync(asset(name)).toString("base64"),
    })),
  );

const turnOn = (label) =>
  page.$$eval(
    "input[role=switch]",
    (switches, words) => {
      const found = switches.find((one) => one.closest("label").textContent.includes(words));
      found.closest("details").open = true;
      found.click();
    },
    label,
  );

test("two chosen files become a picture that is new inside the mask and the photo outside", async () => {
  await upload(page, "person", "person-2.png");
  await upload(page, "garment", "garment-3.png");
  await filled(page, "garment");
  await turnOn("Keep the rest of the photo");
  await setSteps(page, 30); // long enough to be seen at work
  await run(page);
  await page.waitForSelector('[data-stage="denoise"] img[src^="data:image/webp"]');
  const job = await result(page);
  const [picture, mask] = await Promise.all(
    ["image", "mask"].map((part) => bytes(`/api/jobs/${job}/${part}`)),
  );
  const { inside, outside, counts } = differences(readFileSync(asset("person-2.png")), picture, mask);
  expect(counts.inside).toBeGreaterThan(10_000);
  expect(inside).toBeGreaterThan(15);
  expect(outside).toBe(0);
});

test("files can be dropped and pasted", async () => {
  await give("person", "drop", ["person-3.png"]);
  await filled(page, "person");
  await give("person", "paste", ["garment-1.png"]);
  await filled(page, "garment");
  expect(await page.$eval("[data-run]", (button) => button.disabled)).toBe(false);
});

test("one press makes the example", async () => {
  await page.$$eval("[data-stage-area] button", (buttons) => buttons.at(-1).click());
  await result(page);
  expect(await page.$eval("[data-result] input[type=range]", (slider) => slider.ariaLabel)).toMatch(
    /before and after/,
  );
});

test("a huge photo is made smaller before it is sent, a turned one is shown upright", async () => {
  const size = () =>
    page.$eval("[data-slot=person] img[src^='blob:']", async (img) => {
      await img.decode();
      return [img.naturalWidth, img.naturalHeight];
    });
  await upload(page, "person", "huge.jpg");
  await filled(page, "person");
  expect(await size()).toEqual([1536, 2048]);
  await upload(page, "person", "turned.jpg");
  expect(await size()).toEqual([384, 512]);
});

test("an example garment brings its type, and the model's defaults come from the service", async () => {
  await takeExample(page, "garment", 4);
  expect(await page.$eval("input[value=lower_body]", (radio) => radio.checked)).toBe(true);
  const [model] = await (await fetch(`${process.env.PAGE_ADDRESS}/api/models`))
    .json()
    .then((models) => models.filter(({ id }) => id === "mini"));
  const steps = await page.$eval("[data-drawer] input[type=range]", (input) => input.valueAsNumber);
  expect(steps).toBe(model.defaults.inference_steps);
});

test("the same seed makes the same bytes, and a result can be the next person", async () => {
  await takeExample(page, "person", 2);
  await takeExample(page, "garment", 2);
  await run(page);
  const first = await result(page);
  await page.$$eval("[data-result] button", (buttons) =>
    buttons.find((one) => /Same seed/.test(one.textContent)).click(),
  );
  await page.waitForFunction(
    (id) => document.querySelector("[data-result]")?.dataset.result !== id,
    { timeout: 40_000 },
    first,
  );
  const second = await result(page);
  const [one, other] = await Promise.all([first, second].map((id) => bytes(`/api/jobs/${id}/image`)));
  expect(differences(one, other, await bytes(`/api/jobs/${first}/mask`))).toMatchObject({
    inside: 0,
    outside: 0,
  });

  await page.$$eval("[data-result] button", (buttons) =>
    buttons.find((one) => /Use as person/.test(one.textContent)).click(),
  );
  await page.waitForFunction(() =>
    /tryon-\d+\.png/.test(document.querySelector("[data-slot=person] img[src^='blob:']")?.alt),
  );
});

test("several garments for one person fill a gallery", async () => {
  await takeExample(page, "person", 1);
  await upload(page, "garment", "garment-1.png", "garment-3.png");
  await page.waitForFunction(() => /2 garments/.test(document.querySelector("[data-run]").textContent));
  await run(page);
  await page.waitForFunction(
    () => document.querySelectorAll('section button[data-state="succeeded"]').length === 2,
    {
      timeout: 40_000,
    },
  );
  await result(page);
});

test("several pictures of one job can be chosen from", async () => {
  await takeExample(page, "person", 1);
  await takeExample(page, "garment", 1);
  await run(page);
  await result(page);
  await page.$$eval("[data-result] button", (buttons) =>
    buttons.find((one) => one.textContent === "Variants").click(),
  );
  await page.waitForSelector("[data-result] section button:nth-child(4)[aria-pressed]", { timeout: 40_000 });
});

test("a point of the result shows the point of the garment that it came from", async () => {
  await takeExample(page, "person", 1);
  await takeExample(page, "garment", 1);
  await run(page);
  await result(page);
  await page.$eval("[data-result] details", (details) => {
    details.open = true;
  });
  await (await page.$$("[data-result] [role=tab]"))[3].click();
  await page.waitForSelector('[data-known="true"]');
  const words = () => page.$eval("[data-known] [role=status]", (status) => status.textContent);
  const before = await words();
  await page.focus("[data-known] button");
  for (let presses = 0; presses < 4; presses++) await page.keyboard.press("ArrowDown");
  await page.waitForFunction(
    (old) => document.querySelector("[data-known] [role=status]").textContent !== old,
    {},
    before,
  );
});
