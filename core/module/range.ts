/** A range of an index's values, for `filter` and `delete`. */

export type Bound<T> =
  | { readonly tag: 'included'; readonly value: T }
  | { readonly tag: 'excluded'; readonly value: T }
  | { readonly tag: 'unbounded' };

const unbounded: Bound<never> = { tag: 'unbounded' };
const rangeKey: unique symbol = Symbol.for('forerun.Range');

/**
 * From a bound up to a bound, in the order of the index. A bound that is left out is no bound.
 *
 *     ctx.db.player.score.filter(new Range({ tag: 'included', value: 10 }, { tag: 'excluded', value: 20 }))
 */
export class Range<T> {
  /** Lets two copies of this package recognise each other's ranges. */
  readonly [rangeKey] = true;
  readonly from: Bound<T>;
  readonly to: Bound<T>;

  constructor(from?: Bound<T> | null, to?: Bound<T> | null) {
    this.from = from ?? unbounded;
    this.to = to ?? unbounded;
  }

  static is(value: unknown): value is Range<unknown> {
    return typeof value === 'object' && value !== null && rangeKey in value;
  }
}
