// The real thing: the service with the embedded model, and nginx with the page in front of it.
const { spawn, execFileSync } = require("node:child_process");
const { existsSync, mkdtempSync, openSync, rmSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join, resolve } = require("node:path");
const net = require("node:net");

const ROOT = resolve(__dirname, "../..");
const PYTHON = process.env.LEFFA_PYTHON ?? join(ROOT, ".venv/bin/python");
const READY_MS = 120_000;

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** A port that nobody listens on. */
function freePort() {
  return new Promise((done, fail) => {
    const server = net.createServer().once("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

async function waitFor(url, child) {
  const end = Date.now() + READY_MS;
  while (Date.now() < end) {
    if (child.exitCode !== null) throw new Error(`${url}: the process ended with ${child.exitCode}`);
    const answer = await fetch(url).catch(() => null);
    if (answer?.ok) return;
    await sleep(200);
  }
  throw new Error(`${url} did not become ready`);
}

function begin(command, args, env, log) {
  const out = openSync(log, "a");
  return spawn(command, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ["ignore", out, out],
  });
}

function end(child) {
  return new Promise((done) => {
    if (child.exitCode !== null) return done();
    child.once("exit", done);
    child.kill("SIGTERM");
  });
}

/** Starts the service on a port; `settings` are environment variables. */
async function startService(port, work, settings = {}) {
  const env = {
    PORT: String(port),
    PYTHONPATH: join(ROOT, "model"),
    LEFFA_DATA: join(work, "data"),
    LEFFA_RATE_LIMIT: "",
    LEFFA_STOP_SECONDS: "1",
    ...settings,
  };
  const child = begin(PYTHON, ["-m", "leffa.cli", "serve"], env, join(work, "service.log"));
  await waitFor(`http://127.0.0.1:${port}/health`, child);
  return child;
}

/** Starts nginx with the built page before a service. */
async function startPage(port, servicePort, work) {
  const args = ["scripts/serve_page.sh", String(port), `127.0.0.1:${servicePort}`, join(work, "nginx")];
  const child = begin("bash", args, {}, join(work, "nginx.log"));
  await waitFor(`http://127.0.0.1:${port}/healthz`, child);
  return child;
}

/** Starts everything; `stop` ends it and leaves nothing. */
async function startStack() {
  if (!existsSync(join(ROOT, "frontend/dist/index.html"))) {
    throw new Error("Build the page first: cd frontend && npm ci && npm run build");
  }
  execFileSync(PYTHON, ["scripts/make_test_assets.py"], { cwd: ROOT });
  const work = mkdtempSync(join(tmpdir(), "leffa-browser-"));
  const [servicePort, pagePort] = [await freePort(), await freePort()];
  const service = await startService(servicePort, work);
  const page = await startPage(pagePort, servicePort, work);
  const stop = async () => {
    await Promise.all([end(page), end(service)]);
    rmSync(work, { recursive: true, force: true });
  };
  return { address: `http://127.0.0.1:${pagePort}`, stop };
}

module.exports = {
  ROOT,
  startStack,
  startService,
  startPage,
  freePort,
  end,
  sleep,
};
