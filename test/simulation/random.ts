/**
 * Chance out of a seed. Each part of a simulated world has a stream of its own, so that a draw more in one of them
 * doesn't change what the others do.
 *
 * sfc32 (Chris Doty-Humphrey), filled by a murmur3-like hash of seed and name.
 */

export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
    [this.#a, this.#b, this.#c] = [hash(name, 1), hash(name, 2), hash(name, 3)];
    for (let i = 0; i < 12; i++) this.word();
  }

  /** A stream of its own, decided by this one's name and `part`. */
  fork(part: string): Random {
    return new Random(`${this.#name}/${part}`);
  }

  /** 32 bits, without sign. */
  word(): number {
    const result = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0;
    return result >>> 0;
  }

  /** From 0 up to but without 1. */
  unit(): number {
    return this.word() / 0x1_0000_0000;
  }

  between(from: number, to: number): number {
    return from + this.unit() * (to - from);
  }

  /** Both ends included. */
  integer(from: number, to: number): number {
    return from + Math.floor(this.unit() * (to - from + 1));
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.integer(0, list.length - 1)] as T;
  }

  /** Waiting times of things that happen on their own, `mean` apart. */
  exponential(mean: number): number {
    return -Math.log(1 - this.unit()) * mean;
  }

  fill(bytes: Uint8Array): Uint8Array {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.word() & 0xff;
    return bytes;
  }
}

function hash(text: string, seed: number): number {
  let h = Math.imul(seed, 0x9e3779b1);
  for (let i = 0; i < text.length; i++) {
    h = Math.imul(h ^ text.charCodeAt(i), 0xcc9e2d51);
    h = (h << 15) | (h >>> 17);
  }
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  return h ^ (h >>> 13);
}
