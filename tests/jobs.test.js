const { launch, result, run, setSteps, takeExample, visit } = require("./support/browser");
const { sleep } = require("./support/stack");

const MANY_STEPS = 60;

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

async function beginLongJob() {
  await takeExample(page, "person", 2);
  await takeExample(page, "garment", 1);
  await setSteps(page, MANY_STEPS);
  await run(page);
  await page.waitForSelector('[data-stage="denoise"]', { timeout: 40_000 });
}

const press = (pattern) =>
  page.$$eval(
    "main button",
    (buttons, words) => buttons.find((one) => new RegExp(words).test(one.textContent)).click(),
    pattern,
  );
const openView = async (number) => (await page.$$("header [role=tab]"))[number].click();

test("stages, steps and seconds are told, and cancelling ends it", async () => {
  await beginLongJob();
  await page.waitForFunction(
    (all) => document.querySelector("[data-stage]").textContent.includes(`/ ${all}`),
    {},
    MANY_STEPS,
  );
  await page.waitForFunction(() =>
    /about (a|\d+) second/.test(document.querySelector("[data-stage]").textContent),
  );
  await press("^Cancel$");
  await page.waitForFunction(() =>
    /Cancelled/.test(document.querySelector("[data-stage-area] h2")?.textContent),
  );
});

test("a picture that did not arrive is fetched again, and its job is not cancelled meanwhile", async () => {
  let lost = 0;
  await page.setRequestInterception(true);
  page.on("request", (request) => {
    if (lost > 0 || !/\/image\b/.test(request.url())) return request.continue();
    lost += 1;
    return request.abort();
  });
  await takeExample(page, "person", 2);
  await takeExample(page, "garment", 1);
  await run(page);
  await result(page);
  expect(lost).toBe(1);
  page.faults.length = 0; // the request that was made to fail
});

test("two presses at once order one job", async () => {
  await takeExample(page, "person", 2);
  await takeExample(page, "garment", 1);
  await page.$eval("[data-run]", (button) => {
    button.click();
    button.click();
  });
  await result(page);
  await openView(2);
  await page.waitForSelector("main li");
  expect(await page.$$eval("main li", (entries) => entries.length)).toBe(1);
});

test("a reload in the middle finds the job, the pictures and the options again", async () => {
  await beginLongJob();
  await page.reload({ waitUntil: "domcontentloaded" });
  await page.waitForSelector('[data-stage="denoise"]', { timeout: 20_000 });
  await page.waitForSelector("[data-slot=person] img[src^='blob:']");
  expect(await page.$eval("[data-drawer] input[type=range]", (input) => input.valueAsNumber)).toBe(
    MANY_STEPS,
  );
  await result(page);
});

test("a lost connection is told, and the job is picked up again", async () => {
  await beginLongJob();
  await page.setOfflineMode(true);
  await sleep(300);
  await page.setOfflineMode(false);
  await result(page);
});

test("the history keeps results over a reload, opens them, and lets them go", async () => {
  await takeExample(page, "person", 1);
  await takeExample(page, "garment", 1);
  await run(page);
  const job = await result(page);
  await openView(2);
  await page.reload({ waitUntil: "networkidle0" });
  const cards = () => page.$$eval("main li", (list) => list.length);
  expect(await cards()).toBe(1);
  await page.click("main li button");
  expect(await result(page)).toBe(job);

  await openView(2);
  await page.waitForSelector("main li");
  await press("^Clear all$");
  await page.waitForSelector("dialog");
  await page.$$eval("dialog footer button", (buttons) => buttons.at(-1).click());
  await page.waitForFunction(() => document.querySelectorAll("main li").length === 0);
  expect((await fetch(`${process.env.PAGE_ADDRESS}/api/jobs/${job}`)).status).toBe(404);
});

test("an address with an unknown job shows the beginning", async () => {
  await page.goto(`${process.env.PAGE_ADDRESS}/?job=00000000000000000000000000000000`, {
    waitUntil: "networkidle0",
  });
  expect(new URL(page.url()).search).toBe("");
});

test("an address opens a job in another browser too", async () => {
  await takeExample(page, "person", 1);
  await takeExample(page, "garment", 1);
  await run(page);
  const job = await result(page);
  const other = await visit(browser, { path: `/?job=${job}` });
  expect(await result(other)).toBe(job);
  await other.browserContext().close();
});

test("a pose transfer without its model says which weights it needs", async () => {
  await openView(1);
  await takeExample(page, "person", 1);
  await takeExample(page, "pose", 1);
  await run(page);
  await page.waitForSelector("[data-stage-area] [role=alert]");
  expect(await page.$eval("[data-stage-area] [role=alert]", (card) => card.dataset.code)).toMatch(
    /model|weights/,
  );
});

test("the page speaks other languages and remembers which", async () => {
  await page.select("header select", "de");
  await page.waitForFunction(() => document.documentElement.lang === "de");
  await page.reload({ waitUntil: "networkidle0" });
  expect(await page.$eval("[data-run]", (button) => button.textContent)).toBe("Anprobieren");
  await page.select("header select", "zh");
  await page.waitForFunction(() => document.querySelector("[data-run]").textContent === "试穿");
});
