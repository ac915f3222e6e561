/**
 * A result as what it has of the one before: which row stands where it stood, and which are fresh. So a row that has not
 * changed keeps its identity on the page, wherever it is now.
 */

export interface Difference<Row> {
  /** Per row its place in the last result, or -1 for the next fresh one. */
  readonly order: Int32Array;
  readonly fresh: readonly Row[];
}

/** Undefined when nothing differs. Equal rows are matched one to one, in order. `keyOf` is equal for equal rows only. */
export function difference<Row, Key>(
  last: readonly Key[],
  next: readonly Row[],
  keyOf: (row: Row) => Key,
): Difference<Row> | undefined {
  const keys = next.map(keyOf);
  const shared = sharedStart(last, keys);
  if (shared === last.length && shared === keys.length) return undefined;
  const places = new Map<Key, number[]>();
  for (let i = last.length - 1; i >= shared; i--) {
    const key = last[i] as Key;
    const known = places.get(key);
    if (known === undefined) places.set(key, [i]);
    else known.push(i);
  }
  const fresh: Row[] = [];
  const order = new Int32Array(next.length);
  for (let i = 0; i < next.length; i++) {
    const place = i < shared ? i : places.get(keys[i] as Key)?.pop();
    order[i] = place ?? -1;
    if (place === undefined) fresh.push(next[i] as Row);
  }
  return { order, fresh };
}

function sharedStart<Key>(a: readonly Key[], b: readonly Key[]): number {
  const length = Math.min(a.length, b.length);
  let at = 0;
  while (at < length && a[at] === b[at]) at++;
  return at;
}
