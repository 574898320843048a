// Pixels of PNGs, compared.
const { PNG } = require("pngjs");

const HALF = 128;

/** Mean difference of two pictures, 0 to 255, inside and outside a mask (white is inside). */
function differences(one, other, mask) {
  const [a, b, m] = [one, other, mask].map((data) => PNG.sync.read(data));
  if (a.width !== b.width || a.height !== b.height || a.width !== m.width || a.height !== m.height) {
    throw new Error("pictures of different sizes");
  }
  const sums = { inside: 0, outside: 0 };
  const counts = { inside: 0, outside: 0 };
  for (let at = 0; at < a.data.length; at += 4) {
    const side = m.data[at] >= HALF ? "inside" : "outside";
    for (let channel = 0; channel < 3; channel++)
      sums[side] += Math.abs(a.data[at + channel] - b.data[at + channel]);
    counts[side] += 3;
  }
  return {
    inside: sums.inside / counts.inside,
    outside: sums.outside / counts.outside,
    counts,
  };
}

/** Part of a mask that is white. */
function whiteShare(mask) {
  const { data } = PNG.sync.read(mask);
  let white = 0;
  for (let at = 0; at < data.length; at += 4) white += data[at] >= HALF ? 1 : 0;
  return white / (data.length / 4);
}

module.exports = { differences, whiteShare };
