const { startStack } = require("./stack");

/** Before the first test: the whole stack, or a page that runs already (LEFFA_PAGE). */
module.exports = async () => {
  if (process.env.LEFFA_PAGE) return;
  globalThis.stack = await startStack();
  process.env.LEFFA_PAGE = globalThis.stack.address;
};
