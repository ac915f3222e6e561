import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import type { Seq } from '../commit/call.ts';
import type { Key, Row, RowChange } from '../commit/row-change.ts';
import { Engine } from '../engine/engine.ts';
import { t } from '../module/column.ts';
import { defineModule } from '../module/module.ts';
import { schema } from '../module/schema.ts';
import { table } from '../module/table.ts';
import { type StateHash, TableHash } from './state-hash.ts';

const definition = defineModule({
  default: schema({
    numbered: table({ public: true }, { id: t.u64().primaryKey(), value: t.i32() }),
    named: table({ public: true }, { id: t.string().primaryKey(), value: t.i32() }),
    marked: table({ public: true }, { id: t.identity().primaryKey(), value: t.i32() }),
    bag: table({ public: true }, { id: t.f64(), value: t.i32() }),
  }),
});
const engine = await Engine.open({ definition, ids: { next: () => 0n } });
afterAll(() => engine.close());

const idOf = (tableId: number, n: number): unknown => {
  const { canonical } = engine.shape(tableId);
  const wide = [1n, 5n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 63n + 9n, 2n ** 64n - 1n][n] as bigint;
  const text = ['', 'a', 'ab', 'é', '\u{ffee}', '\u{1f600}'][n];
  const id = [wide, text, { __identity__: wide }, [-1.5, 0, 2, Number.NaN, 1e300, 7][n]][tableId];
  return tableId === 2 ? id : canonical({ id, value: 0 }, 'row')['id'];
};

const act = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('write' as const), n: fc.nat(5), value: fc.nat(2) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('delete' as const), n: fc.nat(5) }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('page' as const), rowsMax: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('hear' as const), changes: fc.nat(4) }) },
);

function fresh(tableId: number): StateHash | undefined {
  const hash = new TableHash(engine.shape(tableId));
  // In any order.
  hash.page(engine.rows(tableId).toReversed(), undefined, 0 as Seq);
  return hash.asOf(0 as Seq);
}

test('[HSH-1] [HSH-2] the hash of a table that changes while its pages are read, and is told of it late, is that of its rows', () => {
  fc.assert(
    fc.property(fc.constantFrom(0, 1, 3), fc.array(act, { maxLength: 40, size: 'max' }), (tableId, acts) => {
      engine.reset();
      const { keyOf } = engine.shape(tableId);
      const store = engine.store(tableId);
      const hash = new TableHash(engine.shape(tableId));
      const told: { readonly change: RowChange; readonly seq: Seq }[] = [];
      let seq = 0;
      let heard = 0;
      const change = (key: Key, after: Row | undefined): void => {
        const before = store.read(key);
        store.write(key, after);
        told.push({ change: { tableId, key, before, after }, seq: ++seq as Seq });
      };
      const hear = (count: number): void => {
        for (const each of told.slice(heard, heard + count)) {
          hash.changed(each.change, each.seq);
          hash.reached(each.seq);
        }
        heard = Math.min(told.length, heard + count);
      };
      const page = (rowsMax: number): void => {
        if (hash.isCounted) return;
        const rows = store.page(hash.lastKey, rowsMax);
        const last = rows.at(-1);
        hash.page(rows, rows.length < rowsMax || last === undefined ? undefined : keyOf(last), seq as Seq);
      };
      for (const each of acts) {
        if (each.type === 'page') page(each.rowsMax);
        else if (each.type === 'hear') hear(each.changes);
        else if (each.type === 'write') {
          const row = { id: idOf(tableId, each.n), value: each.value };
          change(keyOf(row), row);
        } else {
          const [row] = engine.rows(tableId).slice(each.n % Math.max(1, store.count));
          if (row !== undefined) change(keyOf(row), undefined);
        }
      }
      hear(Number.POSITIVE_INFINITY);
      while (!hash.isCounted) page(2);
      expect(hash.asOf(seq as Seq)).toEqual(fresh(tableId));
      expect(hash.asOf(seq as Seq)?.rows).toBe(store.count);
      // One row that is another one shows.
      const [row] = engine.rows(tableId);
      if (row === undefined) return;
      store.write(keyOf(row), undefined);
      const other = { ...row, value: Number(row['value']) + 10 };
      store.write(keyOf(other), other);
      expect(fresh(tableId)?.sum).not.toBe(hash.asOf(seq as Seq)?.sum);
    }),
    { numRuns: 300 },
  );
});
