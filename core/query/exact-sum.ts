/**
 * The sum of numbers that come and go: exact, so that it depends neither on the order in which they came nor on those
 * that have gone.
 *
 * Law: `value` is the sum of what was added and not taken away, rounded once for floats; NaN as soon as one of them is
 * NaN or infinities of both signs are among them.
 */

/** Every finite double is a whole number of these: 2^-1074. */
const scaleBits = 1074;
const mantissaBits = 52n;

const view = new DataView(new ArrayBuffer(8));

export class ExactSum {
  readonly #isFloat: boolean;
  /** Of integers their sum, of floats their sum in units of 2^-1074. */
  #total = 0n;
  #count = 0;
  #nans = 0;
  #positive = 0;
  #negative = 0;

  constructor(isFloat: boolean) {
    this.#isFloat = isFloat;
  }

  /** How many values are in it. */
  get count(): number {
    return this.#count;
  }

  add(value: number | bigint): void {
    this.#apply(value, 1);
  }

  remove(value: number | bigint): void {
    this.#apply(value, -1);
  }

  /** Many integers at once. */
  addTotal(total: bigint, count: number): void {
    this.#total += total;
    this.#count += count;
  }

  get integer(): bigint {
    return this.#total;
  }

  get number(): number {
    if (!this.#isFloat) return Number(this.#total);
    if (this.#nans > 0 || (this.#positive > 0 && this.#negative > 0)) return Number.NaN;
    if (this.#positive > 0) return Number.POSITIVE_INFINITY;
    if (this.#negative > 0) return Number.NEGATIVE_INFINITY;
    return toDouble(this.#total);
  }

  #apply(value: number | bigint, sign: 1 | -1): void {
    this.#count += sign;
    if (typeof value === 'bigint') this.#total += sign === 1 ? value : -value;
    else if (!this.#isFloat) this.#total += BigInt(sign * value);
    else if (Number.isNaN(value)) this.#nans += sign;
    else if (value === Number.POSITIVE_INFINITY) this.#positive += sign;
    else if (value === Number.NEGATIVE_INFINITY) this.#negative += sign;
    else this.#total += sign === 1 ? unitsOf(value) : -unitsOf(value);
  }
}

/** A finite double in units of 2^-1074. */
function unitsOf(value: number): bigint {
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const exponent = (bits >> mantissaBits) & 0x7ffn;
  const fraction = bits & ((1n << mantissaBits) - 1n);
  const units = exponent === 0n ? fraction : (fraction | (1n << mantissaBits)) << (exponent - 1n);
  return value < 0 ? -units : units;
}

/** The double nearest to so many units, of two the even one. */
function toDouble(units: bigint): number {
  const size = units < 0n ? -units : units;
  const sign = units < 0n ? -1 : 1;
  const bits = size.toString(16).length * 4;
  // A BigInt becomes the nearest double, which moves by powers of two without loss.
  if (bits < 1_000) return sign * Number(size) * 2 ** -537 * 2 ** -537;
  const dropped = bits - 64;
  const kept = size >> BigInt(dropped);
  // Whatever is dropped decides a tie.
  const sticky = kept << BigInt(dropped) === size ? 0n : 1n;
  return sign * Number(kept | sticky) * 2 ** (dropped - scaleBits);
}
