/** A range of an index's values, for `filter` and `delete`. */

export type Bound<T> =
  | { readonly tag: 'included'; readonly value: T }
  | { readonly tag: 'excluded'; readonly value: T }
  | { readonly tag: 'unbounded' };

const unbounded: Bound<never> = { tag: 'unbounded' };

/**
 * From a bound up to a bound, in the order of the index. A bound that is left out is no bound.
 *
 *     ctx.db.player.score.filter(new Range({ tag: 'included', value: 10 }, { tag: 'excluded', value: 20 }))
 */
export class Range<T> {
  readonly from: Bound<T>;
  readonly to: Bound<T>;

  constructor(from?: Bound<T> | null, to?: Bound<T> | null) {
    this.from = from ?? unbounded;
    this.to = to ?? unbounded;
  }

  /** Also for a range of another copy of this package. No value that an index holds looks like one. */
  static is(value: unknown): value is Range<unknown> {
    if (typeof value !== 'object' || value === null) return false;
    return 'from' in value && isBound(value.from) && 'to' in value && isBound(value.to);
  }
}

function isBound(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('tag' in value)) return false;
  return value.tag === 'included' || value.tag === 'excluded' || value.tag === 'unbounded';
}
