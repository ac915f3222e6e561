import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { invert, type Key, NetChanges, type Row, type RowChange } from './row-change.ts';

const row = fc.option(fc.nat(2), { nil: undefined }).map((value) => (value === undefined ? undefined : { value }));
const writes = fc.array(fc.record({ tableId: fc.nat(1), key: fc.nat(3), after: row }), { maxLength: 30 });
const equal = (_: number, a: Row, b: Row) => a['value'] === b['value'];

type Tables = Map<string, Row>;
const nameOf = ({ tableId, key }: { tableId: number; key: Key }) => `${tableId} ${key}`;

function apply(tables: Tables, changes: readonly RowChange[]): void {
  for (const change of changes) {
    expect(tables.get(nameOf(change))).toEqual(change.before);
    if (change.after === undefined) tables.delete(nameOf(change));
    else tables.set(nameOf(change), change.after);
  }
}

/** Changes that fit together, as writing these rows one after the other gives them. */
function changesOf(list: readonly { tableId: number; key: number; after: Row | undefined }[]): RowChange[] {
  const tables: Tables = new Map();
  return list.map(({ tableId, key, after }) => {
    const change = { tableId, key, before: tables.get(nameOf({ tableId, key })), after };
    apply(tables, [change]);
    return change;
  });
}

describe('a list of row changes', () => {
  it('[COM-7] is undone by its inverse, and made again by the inverse of that', () => {
    fc.assert(
      fc.property(writes, (list) => {
        const changes = changesOf(list);
        const tables: Tables = new Map();
        apply(tables, changes);
        const end = new Map(tables);
        apply(tables, invert(changes));
        expect(tables).toEqual(new Map());
        apply(tables, invert(invert(changes)));
        expect(tables).toEqual(end);
      }),
    );
  });

  it('has a net: one change per key that did not come back, from its first before to its last after', () => {
    fc.assert(
      fc.property(writes, writes, (first, list) => {
        const changes = changesOf([...first, ...list]);
        const tables: Tables = new Map();
        apply(tables, changes.slice(0, first.length));
        const net = new NetChanges();
        net.addAll(changes.slice(first.length));
        const taken = net.take(equal);
        expect(new Set(taken.map(nameOf)).size).toBe(taken.length);
        for (const { before, after } of taken) expect(before).not.toEqual(after);
        apply(tables, taken);
        const whole: Tables = new Map();
        apply(whole, changes);
        expect(tables).toEqual(whole);
        expect(net.take(equal)).toEqual([]);
      }),
    );
  });
});
