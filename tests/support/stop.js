/** After the last test. */
module.exports = async () => {
  await globalThis.stack?.stop();
};
