/** The browser suite: one browser and one service at a time, on the real stack. */
module.exports = {
  testMatch: ["<rootDir>/*.test.js"],
  globalSetup: "<rootDir>/support/start.js",
  globalTeardown: "<rootDir>/support/stop.js",
  maxWorkers: 1,
  testTimeout: 90_000,
};
