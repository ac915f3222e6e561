/** Latencies in buckets that are 2 % wide: constant memory, quantiles as exact as that. */

const bucketsPerDouble = 35;
const smallestMs = 0.01;

export class Histogram {
  readonly #buckets = new Float64Array(1024);
  count = 0;

  add(ms: number, times = 1): void {
    const bucket = ms <= smallestMs ? 0 : Math.min(1023, Math.ceil(Math.log2(ms / smallestMs) * bucketsPerDouble));
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + times;
    this.count += times;
  }

  clear(): void {
    this.#buckets.fill(0);
    this.count = 0;
  }

  /** `share` from 0 to 1; milliseconds, rounded up to the bucket's end. */
  quantile(share: number): number {
    let left = this.count * share;
    for (const [bucket, count] of this.#buckets.entries()) {
      left -= count;
      if (left <= 0) return Number((smallestMs * 2 ** (bucket / bucketsPerDouble)).toFixed(3));
    }
    return Number.POSITIVE_INFINITY;
  }
}
