// A browser, pages that watch for errors, and what a user does on the page.
const { mkdirSync } = require("node:fs");
const { join } = require("node:path");
const puppeteer = require("puppeteer-core");
const { ROOT, sleep } = require("./stack");

const RESULTS = join(ROOT, "tests/results");
const ASSETS = join(ROOT, "tests/test-assets");
const DESK = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844, isMobile: true, hasTouch: true };

const PAGE = () => process.env.PAGE_ADDRESS;
const asset = (name) => join(ASSETS, name);

function launch() {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const args = ["--no-sandbox", "--disable-gpu", "--lang=en-US"];
  // On this machine a page counts as secure; on another host only over TLS, which the stack under test has not.
  const { origin, hostname } = new URL(PAGE());
  if (hostname !== "127.0.0.1") args.push(`--unsafely-treat-insecure-origin-as-secure=${origin}`);
  return puppeteer.launch({ executablePath, args });
}

/** A page of a visitor who was never here; `page.faults` collects errors, also refusals of the content policy. */
async function visit(browser, { viewport = DESK, theme = "light", path = "/" } = {}) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.faults = [];
  page.on("pageerror", (error) => page.faults.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" && !/Failed to load resource/.test(message.text()))
      page.faults.push(message.text());
  });
  await page.setViewport(viewport);
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }]);
  await page.goto(PAGE() + path, { waitUntil: "networkidle0" });
  return page;
}

/** Waits until a picture lies in a slot. */
const filled = (page, slot) => page.waitForSelector(`[data-slot="${slot}"] img[src^="blob:"]`);

/** Chooses files by the file chooser. */
async function upload(page, slot, ...names) {
  const before = await page.$eval(
    `[data-slot="${slot}"]`,
    (card) => card.querySelector("img[src^='blob:']")?.src,
  );
  const [chooser] = await Promise.all([
    page.waitForFileChooser(),
    page.click(`[data-slot="${slot}"] button`),
  ]);
  await chooser.accept(names.map(asset));
  if (before === undefined) return;
  await page.waitForFunction(
    (one, old) => document.querySelector(one)?.src !== old,
    {},
    `[data-slot="${slot}"] img`,
    before,
  );
}

/** Takes the n-th example of a slot's shelf, from 1. */
async function takeExample(page, slot, number) {
  await page.click(`[data-slot="${slot}"] li:nth-child(${number}) button`);
  await filled(page, slot);
}

/** Sets steps, so that a job takes long enough to be looked at. */
async function setSteps(page, steps) {
  await page.$eval("[data-drawer]", (drawer) => {
    drawer.open = true;
  });
  await page.$eval(
    "[data-drawer] input[type=range]",
    (input, value) => {
      Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(input, value);
      input.dispatchEvent(new Event("input", { bubbles: true }));
    },
    String(steps),
  );
}

const run = (page) => page.$eval("[data-run]", (button) => button.click());

/** Waits for a result; returns the job's id. */
async function result(page) {
  const shown = await page.waitForSelector("[data-result]", {
    timeout: 40_000,
  });
  return shown.evaluate((node) => node.dataset.result);
}

/** The bytes of an address as the page gets them. */
async function bytes(path) {
  const answer = await fetch(PAGE() + path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return Buffer.from(await answer.arrayBuffer());
}

async function screenshot(page, name, fullPage = true) {
  mkdirSync(RESULTS, { recursive: true });
  await page.evaluate(() => window.scrollTo(0, 0));
  await sleep(150);
  await page.screenshot({ path: join(RESULTS, `${name}.png`), fullPage });
}

module.exports = {
  DESK,
  PHONE,
  PAGE,
  ASSETS,
  asset,
  launch,
  visit,
  filled,
  upload,
  takeExample,
  setSteps,
  run,
  result,
  bytes,
  screenshot,
};
