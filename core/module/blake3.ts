/**
 * BLAKE3 of bytes that are all there: what a page, a worker and the authority need to name a module by its shape, in a
 * quarter of what a library of every mode and length costs a worker to load.
 *
 * Law: it is BLAKE3 (https://github.com/BLAKE3-team/BLAKE3-specs), so that another implementation gives the same.
 */

const blockBytes = 64;
const chunkBytes = 1_024;

const chunkStart = 1;
const chunkEnd = 2;
const parent = 4;
const root = 8;

const initial = Uint32Array.of(
  0x6a09e667,
  0xbb67ae85,
  0x3c6ef372,
  0xa54ff53a,
  0x510e527f,
  0x9b05688c,
  0x1f83d9ab,
  0x5be0cd19,
);

/** Where each word of the next round comes from. */
const permutation = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];

/** Of the block's words, in which order the seven rounds take them. */
const schedule = new Uint8Array(7 * 16);
for (let at = 0; at < schedule.length; at++)
  schedule[at] = at < 16 ? at : (schedule[at - 16 - (at % 16) + (permutation[at % 16] as number)] as number);

/** The first `length` bytes of the hash, of which this gives 32 at most. */
export function blake3(bytes: Uint8Array, length: number): Uint8Array {
  const words = hashOf(bytes, 0, root);
  const view = new DataView(new ArrayBuffer(32));
  for (const [i, word] of words.entries()) view.setUint32(i * 4, word, true);
  return new Uint8Array(view.buffer, 0, length);
}

/** Of a part of the tree, whose first chunk is number `chunk`. */
function hashOf(bytes: Uint8Array, chunk: number, rootFlag: number): Uint32Array {
  if (bytes.length <= chunkBytes) return hashOfChunk(bytes, chunk, rootFlag);
  // As many whole chunks as are a power of two, and something on the right.
  const leftChunks = 2 ** Math.floor(Math.log2((bytes.length - 1) / chunkBytes));
  const both = new Uint32Array(16);
  both.set(hashOf(bytes.subarray(0, leftChunks * chunkBytes), chunk, 0));
  both.set(hashOf(bytes.subarray(leftChunks * chunkBytes), chunk + leftChunks, 0), 8);
  return compressed(initial, both, { counter: 0, length: blockBytes, flags: parent | rootFlag });
}

function hashOfChunk(bytes: Uint8Array, counter: number, rootFlag: number): Uint32Array {
  let value: Uint32Array = initial;
  let flags = chunkStart;
  for (let at = 0; ; at += blockBytes) {
    const block = bytes.subarray(at, at + blockBytes);
    const isLast = at + blockBytes >= bytes.length;
    if (isLast) flags |= chunkEnd | rootFlag;
    value = compressed(value, wordsOf(block), { counter, length: block.length, flags });
    if (isLast) return value;
    flags = 0;
  }
}

function wordsOf(block: Uint8Array): Uint32Array {
  const words = new Uint32Array(16);
  for (const [at, byte] of block.entries()) words[at >> 2] = (words[at >> 2] as number) | (byte << ((at & 3) * 8));
  return words;
}

interface Place {
  readonly counter: number;
  readonly length: number;
  readonly flags: number;
}

function compressed(value: Uint32Array, block: Uint32Array, { counter, length, flags }: Place): Uint32Array {
  const state = new Int32Array(16);
  state.set(value);
  state.set(initial.subarray(0, 4), 8);
  state[12] = counter;
  state[13] = counter / 2 ** 32;
  state[14] = length;
  state[15] = flags;
  for (let at = 0; at < schedule.length; at += 2) {
    const first = block[schedule[at] as number] as number;
    const second = block[schedule[at + 1] as number] as number;
    // Of each round four columns, then four diagonals.
    const column = (at >> 1) & 3;
    const slant = (at >> 3) & 1;
    const b = 4 + ((column + slant) & 3);
    const c = 8 + ((column + 2 * slant) & 3);
    const d = 12 + ((column + 3 * slant) & 3);
    mixHalf(state, column, b, c, d, first, 16, 12);
    mixHalf(state, column, b, c, d, second, 8, 7);
  }
  const result = new Uint32Array(8);
  for (let i = 0; i < 8; i++) result[i] = (state[i] as number) ^ (state[i + 8] as number);
  return result;
}

/** Its arguments are numbers, of which there are many, since it runs 112 times a block. */
function mixHalf(
  state: Int32Array,
  a: number,
  b: number,
  c: number,
  d: number,
  word: number,
  turn: number,
  turnAfter: number,
): void {
  const sum = ((state[a] as number) + (state[b] as number) + word) | 0;
  const turned = rotated((state[d] as number) ^ sum, turn);
  const other = ((state[c] as number) + turned) | 0;
  state[a] = sum;
  state[d] = turned;
  state[c] = other;
  state[b] = rotated((state[b] as number) ^ other, turnAfter);
}

function rotated(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}
