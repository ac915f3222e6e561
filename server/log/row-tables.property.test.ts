import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arbitraryKeyType, arbitraryType, arbitraryValue } from '../../core/codec/arbitrary.testing.ts';
import { rendered } from '../../core/codec/rendered.testing.ts';
import type { Key } from '../../core/commit/row-change.ts';
import { rowShape } from '../../core/engine/row-shape.ts';
import type { TableDefinition } from '../../core/module/definition.ts';
import type { ColumnType } from '../../core/value/column-type.ts';
import { createModuleTables } from './database-file.ts';
import { NetRows, readRows, TableWriter } from './row-tables.ts';

/** A table with these types of columns; the first one is its key, or the whole row. */
function tableOf(types: readonly ColumnType[], isKeyed: boolean): TableDefinition {
  const columns = types.map((type, n) => ({ field: `f${n}`, name: `c${n}`, type, autoInc: false }));
  return {
    tableId: 0,
    name: 'any',
    accessor: 'any',
    public: true,
    event: false,
    ephemeral: false,
    columns,
    rowType: { type: 'product', fields: columns.map(({ field, type }) => ({ name: field, type })) },
    primaryKey: isKeyed ? 0 : undefined,
    indexes: [],
  };
}

const content = fc
  .tuple(arbitraryKeyType(), fc.array(arbitraryType({ compositesMax: 1 }), { maxLength: 3 }), fc.boolean())
  .chain(([key, rest, isKeyed]) => {
    const types = [key, ...rest];
    const row = fc
      .tuple(...types.map(arbitraryValue))
      .map((values) => Object.fromEntries(values.map((value, n) => [`f${n}`, value])));
    return fc.record({
      table: fc.constant(tableOf(types, isKeyed)),
      rows: fc.array(row, { maxLength: 40 }),
      gone: fc.nat(7),
    });
  });

test('[VAL-8] rows are read from the database file as they were written to it, the last one of each key, without those deleted', () => {
  fc.assert(
    fc.property(content, ({ table, rows, gone }) => {
      const shape = rowShape(table);
      const db = new DatabaseSync(':memory:');
      createModuleTables(db, [table]);
      const net = new NetRows();
      const expected = new Map<unknown, string>();
      for (const [n, loose] of rows.entries()) {
        const row = shape.canonical(loose, 'row');
        const key = shape.keyOf(row);
        const isGone = n % 8 === gone;
        net.add({ tableId: 0, key, before: undefined, after: isGone ? undefined : row });
        if (isGone) expected.delete(key);
        else expected.set(key, rendered(row));
      }
      const writer = new TableWriter(db, shape);
      for (let pass = 0; pass < 2; pass++)
        for (const done of net.write(() => writer)) expect(done).toBeGreaterThanOrEqual(0);
      const keyColumns = table.primaryKey === undefined ? 1 : 0;
      const read = Array.from(readRows(db, 'any.sqlite', table), (values) =>
        rendered(shape.sql.fromSql(values.slice(keyColumns))),
      );
      expect(read.sort()).toEqual([...expected.values()].sort());
      db.close();
    }),
    { numRuns: 300 },
  );
});

test('many rows are written in the order of their keys, whatever the order in which they changed', () => {
  const table = tableOf([{ type: 'u32' }], true);
  const shape = rowShape(table);
  const net = new NetRows();
  const count = 10_000;
  // 7,919 and the count have no common factor, so every key comes once.
  for (let n = 0; n < count; n++) {
    const key = (n * 7_919) % count;
    net.add({ tableId: 0, key, before: undefined, after: { f0: key } });
  }
  const written: Key[] = [];
  const writer = {
    shape,
    *write(rows: Iterable<readonly [Key, unknown]>): Generator<number> {
      for (const [key] of rows) written.push(key);
      yield 0;
    },
  };
  // Of a writer's class, all that is used here.
  for (const _ of net.write(() => writer as unknown as TableWriter));
  expect(written).toEqual(Array.from({ length: count }, (_, key) => key));
});
