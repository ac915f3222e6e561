import { blake3 as reference } from '@noble/hashes/blake3.js';
import { expect, test } from 'vitest';
import { blake3 } from './blake3.ts';

/** As in the test vectors of BLAKE3's authors. */
function counting(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i % 251);
}

test('gives what another implementation gives, at every edge of blocks, chunks and the tree', () => {
  const edges = [0, 64, 1_024, 2_048, 3_072, 4_096, 5_120, 8_192, 16_384, 31_744].flatMap((at) => [
    at - 1,
    at,
    at + 1,
    at + 65,
  ]);
  for (const length of edges.filter((each) => each >= 0)) {
    const bytes = counting(length);
    expect([length, blake3(bytes, 32)]).toEqual([length, reference(bytes)]);
  }
});

test('gives the beginning of the hash when less of it is wanted', () => {
  const bytes = counting(300);
  expect(blake3(bytes, 16)).toEqual(reference(bytes, { dkLen: 16 }));
});

test('reads bytes from the middle of a buffer', () => {
  expect(blake3(counting(500).subarray(3, 203), 32)).toEqual(reference(counting(500).slice(3, 203)));
});
