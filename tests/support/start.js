const { startStack } = require("./stack");

/** Before the first test: the whole stack, or a page that runs already (PAGE_ADDRESS). */
module.exports = async () => {
  if (process.env.PAGE_ADDRESS) return;
  globalThis.stack = await startStack();
  process.env.PAGE_ADDRESS = globalThis.stack.address;
};
