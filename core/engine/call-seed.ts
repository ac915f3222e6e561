/**
 * Randomness and uuids out of the call: the same call gives the same numbers on every replica and in every replay.
 *
 * A 128-bit state is filled from the client's id and the call's number by SplitMix-style mixing, and run by xoshiro128**
 * (Blackman and Vigna, 2018). The call's time is not in it: the authority may replace that, and what was predicted must
 * come true all the same. Where nobody but the authority runs a call, its secret and the time are: a client must not
 * foresee the numbers, and those of a call of the database are given again after one that changed nothing.
 */

import type { Call } from '../commit/call.ts';
import { ForerunError } from '../errors.ts';
import type { Random } from '../module/context.ts';
import { Timestamp } from '../value/timestamp.ts';
import { Uuid } from '../value/uuid.ts';

export interface CallRandom {
  readonly random: Random;
  readonly newUuidV4: () => Uuid;
  readonly newUuidV7: () => Uuid;
}

export type CallSeed = Pick<Call, 'clientId' | 'callId' | 'timestampMicros' | 'proposedMicros'>;

/** `secret` is the authority's, or undefined for what a client may predict. */
export function callRandom(call: CallSeed, secret: string | undefined): CallRandom {
  const name = `${call.clientId}/${call.callId}`;
  const next = generator(secret === undefined ? name : `${name}/${call.timestampMicros}/${secret}`);
  const random = makeRandom(next);
  // Begins anywhere in the lower half: uuids of many calls in one millisecond differ, and those of one call ascend.
  let counter: { value: number } | undefined;
  const bytes = (length: number): Uint8Array => random.fill(new Uint8Array(length));
  return {
    random,
    newUuidV4: () => Uuid.fromRandomBytesV4(bytes(16)),
    newUuidV7: () => {
      counter ??= { value: next() >>> 2 };
      return Uuid.fromCounterV7(counter, new Timestamp(BigInt(call.proposedMicros)), bytes(4));
    },
  };
}

function makeRandom(next: () => number): Random {
  const random = (): number => (next() * 0x20_0000 + (next() >>> 11)) / 0x20_0000_0000_0000;
  const bigintBelow = (range: bigint): bigint => {
    const words = Math.ceil(range.toString(2).length / 32);
    const limit = (1n << BigInt(words * 32)) / range;
    // Values past the last whole multiple of `range` would favour the low ones.
    for (;;) {
      let value = 0n;
      for (let i = 0; i < words; i++) value = (value << 32n) | BigInt(next());
      if (value < limit * range) return value % range;
    }
  };
  const bigintInRange = (min: bigint, max: bigint): bigint => {
    if (min > max) throw new ForerunError('args-invalid', `ctx.random: the range ${min}..${max} is empty.`);
    return min + bigintBelow(max - min + 1n);
  };
  return Object.assign(random, {
    uint32: next,
    integerInRange: (min: number, max: number): number => {
      if (!Number.isSafeInteger(min) || !Number.isSafeInteger(max)) {
        throw new ForerunError('args-invalid', 'ctx.random.integerInRange: expected two safe integers.');
      }
      return Number(bigintInRange(BigInt(min), BigInt(max)));
    },
    bigintInRange,
    fill: <T extends Parameters<Random['fill']>[0]>(array: T): T => {
      const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
      for (let i = 0; i < bytes.length; i += 4) {
        let word = next();
        for (let j = i; j < i + 4 && j < bytes.length; j++, word >>>= 8) bytes[j] = word & 0xff;
      }
      return array;
    },
  });
}

/** 32-bit words, without sign. */
function generator(seed: string): () => number {
  let [a, b, c, d] = spread(seed);
  return () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    return result;
  };
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** Four words out of a text: each byte stirs all four, the murmur3 finaliser evens them out. */
function spread(text: string): [number, number, number, number] {
  const words: [number, number, number, number] = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 0xdeadbeef];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    words[0] = Math.imul(words[0] ^ code, 0x85ebca6b);
    words[1] = Math.imul(words[1] ^ code ^ (words[0] >>> 15), 0xc2b2ae35);
    words[2] = Math.imul(words[2] ^ code ^ (words[1] >>> 13), 0x27d4eb2f);
    words[3] = Math.imul(words[3] ^ code ^ (words[2] >>> 16), 0x165667b1);
  }
  return words.map((word, i) => finalise(word + (words[(i + 1) % 4] ?? 0))) as [number, number, number, number];
}

function finalise(word: number): number {
  let h = word ^ (word >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
