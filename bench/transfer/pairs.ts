/**
 * Which accounts transfer to which: uniform (α = 0) or Zipf-distributed, from a fixed seed, drawn ahead of time so that
 * drawing costs nothing while the clock runs.
 */

export interface Pairs {
  readonly from: Uint32Array;
  readonly to: Uint32Array;
}

export function drawPairs(accounts: number, alpha: number, count: number): Pairs {
  const random = mulberry32(0x12345678);
  const draw = alpha === 0 ? () => Math.floor(random() * accounts) : zipf(accounts, alpha, random);
  const from = new Uint32Array(count);
  const to = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const source = draw();
    let target = draw();
    while (target === source) target = draw();
    from[i] = source;
    to[i] = target;
  }
  return { from, to };
}

function zipf(accounts: number, alpha: number, random: () => number): () => number {
  const cumulative = new Float64Array(accounts);
  let sum = 0;
  for (let i = 0; i < accounts; i++) cumulative[i] = sum += 1 / (i + 1) ** alpha;
  return () => {
    const target = random() * sum;
    let low = 0;
    let high = accounts - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((cumulative[middle] ?? 0) < target) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** Tommy Ettinger's mulberry32, the generator that the published workload uses. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
