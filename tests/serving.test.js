const { mkdtempSync, rmSync } = require("node:fs");
const http = require("node:http");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { end, freePort, startPage } = require("./support/stack");

const get = (path, options) => fetch(process.env.PAGE_ADDRESS + path, options);

test("the page comes with a strict policy and is asked for anew each time", async () => {
  const { headers } = await get("/");
  const policy = headers.get("content-security-policy");
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toContain("unsafe");
  expect(headers.get("cache-control")).toBe("no-cache");
  expect(headers.get("x-content-type-options")).toBe("nosniff");
  expect(headers.get("referrer-policy")).toBe("no-referrer");
});

test("its files are kept for ever and come compressed", async () => {
  const page = await (await get("/")).text();
  const [script] = page.match(/\/assets\/[\w.-]+\.js/);
  const { headers } = await get(script, { headers: { "Accept-Encoding": "gzip" } });
  expect(headers.get("cache-control")).toContain("immutable");
  expect(headers.get("content-encoding")).toBe("gzip");
});

test("the page loads nothing from elsewhere", async () => {
  const page = await (await get("/")).text();
  expect(page.match(/(src|href)="(https?:)?\/\//g)).toBeNull();
  expect(page).not.toMatch(/<script(?![^>]*src=)/);
  expect(page).not.toContain("<style");
});

test("any address is the page, but a missing file is missing", async () => {
  expect((await get("/some/where")).status).toBe(200);
  const missing = await get("/assets/gone.js");
  expect(missing.status).toBe(404);
  expect(missing.headers.get("cache-control")).toBeNull(); // it may be there again in a moment
});

test("the types of problem documents lead to what explains them", async () => {
  const { type } = await (await get("/api/jobs/unknown")).json();
  const [path, code] = type.split("#");
  expect(await (await get(path)).text()).toContain(`id="${code}"`);
});

test("the API answers below /api, and its addresses lead back there", async () => {
  expect((await get("/api/health")).status).toBe(200);
  const answer = await get("/api/jobs/unknown");
  expect(answer.status).toBe(404);
  expect(answer.headers.get("content-type")).toContain("application/problem+json");
});

test("the document of the API is there, its metrics are not for strangers", async () => {
  expect((await (await get("/openapi.json")).json()).openapi).toMatch(/^3/);
  expect((await get("/api/metrics")).status).toBe(404);
});

// Starts an nginx of its own, which the container of the tests has not.
const withNginx = process.env.LEFFA_STACK_PAGE ? test.skip : test;
withNginx("a service that is down is told as a problem, with the seconds to wait", async () => {
  const work = mkdtempSync(join(tmpdir(), "leffa-down-"));
  const port = await freePort();
  const nginx = await startPage(port, await freePort(), work);
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/api/health`);
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("5");
    expect((await answer.json()).code).toBe("unavailable");
  } finally {
    await end(nginx);
    rmSync(work, { recursive: true, force: true });
  }
});

test("events arrive one by one, not all at the end", async () => {
  const examples = join(__dirname, "test-assets");
  const { openAsBlob } = require("node:fs");
  const form = new FormData();
  form.append("human_image", await openAsBlob(join(examples, "person-2.png")), "person.png");
  form.append("garment_image", await openAsBlob(join(examples, "garment-3.png")), "garment.png");
  form.append("inference_steps", "40");
  const job = await (await get("/api/jobs", { method: "POST", body: form })).json();
  const arrivals = [];
  const { body } = await get(`/api/jobs/${job.id}/events`);
  for await (const _ of body) arrivals.push(Date.now());
  expect(arrivals.length).toBeGreaterThan(3);
  expect(arrivals.at(-1) - arrivals[0]).toBeGreaterThan(300);
});

withNginx("only a trusted proxy says who a client is and how it came", async () => {
  const work = mkdtempSync(join(tmpdir(), "leffa-proxy-"));
  const service = http.createServer((request, answer) => answer.end(JSON.stringify(request.headers)));
  await new Promise((done) => service.listen(0, "127.0.0.1", done));
  const port = await freePort();
  const nginx = await startPage(port, service.address().port, work);
  const heard = (localAddress) =>
    new Promise((done, fail) => {
      const headers = { "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https" };
      const request = { host: "127.0.0.1", port, path: "/api/health", localAddress, headers };
      http.get(request, (answer) => answer.on("data", (data) => done(JSON.parse(data)))).on("error", fail);
    });
  try {
    expect(await heard("127.0.0.1")).toMatchObject({
      "x-forwarded-for": "203.0.113.9",
      "x-forwarded-proto": "https",
      "x-forwarded-prefix": "/api",
    });
    expect((await heard("127.0.0.2"))["x-forwarded-for"]).toBe("127.0.0.2");
  } finally {
    await end(nginx);
    service.close();
    rmSync(work, { recursive: true, force: true });
  }
});
