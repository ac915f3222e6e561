/**
 * Checksums of what a client keeps on its device: they notice what was damaged, cut off or put there by somebody else.
 * Not against attackers, who could compute them as well.
 *
 * Words are mixed one by one as in MurmurHash3 (Appleby, public domain): about a gigabyte a second, so that a replica's
 * image is checked in the time it takes to read it.
 */

export function checksum(bytes: Uint8Array, seed = 0): number {
  let hash = seed ^ bytes.length;
  const words = bytes.length >>> 2;
  const isAligned = (bytes.byteOffset & 3) === 0;
  const source = isAligned ? bytes : bytes.slice();
  const data = new Uint32Array(source.buffer, source.byteOffset, words);
  for (let i = 0; i < words; i++) hash = mixed(hash, data[i] as number);
  let rest = 0;
  for (let i = words * 4; i < bytes.length; i++) rest = (rest << 8) | (bytes[i] as number);
  return finished(mixed(hash, rest));
}

function mixed(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  const h = hash ^ Math.imul(k, 0x1b873593);
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

function finished(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
