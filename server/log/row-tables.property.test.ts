import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arbitraryKeyType, arbitraryType, arbitraryValue } from '../../core/codec/arbitrary.testing.ts';
import { rendered } from '../../core/codec/rendered.testing.ts';
import { beginBatch, beginCommit } from '../../core/authority/record.ts';
import { BatchCursor, walkBatch } from '../../core/authority/record-reader.ts';
import { ByteWriter } from '../../core/codec/bytes.ts';
import type { Seq } from '../../core/commit/call.ts';
import type { Key, Row, RowChange } from '../../core/commit/row-change.ts';
import { encodeChange } from '../../core/engine/change-codec.ts';
import { type RowShape, rowShape } from '../../core/engine/row-shape.ts';
import type { TableDefinition } from '../../core/module/definition.ts';
import type { ColumnType } from '../../core/value/column-type.ts';
import { Timestamp } from '../../core/value/timestamp.ts';
import { createModuleTables } from './database-file.ts';
import { NetRows } from './net-rows.ts';
import { readRows, TableWriter } from './row-tables.ts';

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

/** As the storage thread does it: over the bytes of a batch. */
function netRowsOf(shape: RowShape, changes: readonly RowChange[]): NetRows {
  const writer = new ByteWriter();
  beginBatch(writer, 0);
  beginCommit(writer, 1, 1, 0, changes.length);
  for (const change of changes) encodeChange(writer, change, shape);
  const net = new NetRows(() => shape);
  // At an offset in its buffer, as what is read from a file may be.
  const bytes = new Uint8Array(writer.offset + 3).subarray(3);
  bytes.set(writer.view());
  walkBatch({ number: 1, firstSeq: 1 as Seq, commitCount: 1, bytes }, new BatchCursor(() => shape), (cursor) => {
    while (cursor.nextChange()) net.add(cursor, bytes);
  });
  return net;
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
      const changes: RowChange[] = [];
      const expected = new Map<unknown, string>();
      for (const [n, loose] of rows.entries()) {
        const row = shape.canonical(loose, 'row');
        const key = shape.keyOf(row);
        const isGone = n % 8 === gone;
        changes.push({ tableId: 0, key, before: undefined, after: isGone ? undefined : row });
        if (isGone) expected.delete(key);
        else expected.set(key, rendered(row));
      }
      const net = netRowsOf(shape, changes);
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

/** Keys within the reach of pages and beyond it, some of which pages reach later. */
const nearAndFar = fc.oneof(fc.nat(200), fc.integer({ min: 65_000, max: 70_000 }), fc.integer());

test('[VAL-8] rows of fixed size are those of their last change, however far their integer keys lie apart', () => {
  const types = fc.constantFrom('u8', 'u16', 'i32', 'u32', 'i64', 'u64', 'timestamp').chain((key) =>
    fc.record({
      key: fc.constant<ColumnType>({ type: key }),
      filler: fc.constantFrom<ColumnType>({ type: 'u8' }, { type: 'u256' }, { type: 'string' }),
      changes: fc.array(fc.tuple(nearAndFar, fc.nat(255), fc.boolean()), { maxLength: 60 }),
    }),
  );
  fc.assert(
    fc.property(types, ({ key, filler, changes }) => {
      const table = { ...tableOf([{ type: 'u16' }, key, filler], true), primaryKey: 1 };
      const shape = rowShape(table);
      const expected = new Map<Key, string>();
      const list = changes.map(([id, content, isGone]): RowChange => {
        const row = { f0: content, f1: keyValue(key, id), f2: fillerValue(filler, content) };
        const rowKey = shape.keyOf(row);
        expected.set(rowKey, isGone ? 'gone' : rendered(row));
        return { tableId: 0, key: rowKey, before: undefined, after: isGone ? undefined : row };
      });
      const written = new Map<Key, string>();
      for (const _ of netRowsOf(shape, list).write(() => recorder(shape, written)));
      expect(written).toEqual(expected);
    }),
  );
});

function keyValue({ type }: ColumnType, id: number): unknown {
  switch (type) {
    case 'u8':
      return id & 0xff;
    case 'u16':
      return id & 0xffff;
    case 'i32':
      return id;
    case 'u32':
      return id >>> 0;
    case 'i64':
      return BigInt(id) * (id % 3 === 0 ? 1n : 2n ** 31n);
    case 'u64':
      return BigInt.asUintN(64, BigInt(id) * (id % 3 === 0 ? 1n : 2n ** 32n));
    default:
      return new Timestamp(BigInt(id));
  }
}

function fillerValue({ type }: ColumnType, content: number): unknown {
  if (type === 'string') return String(content);
  return type === 'u8' ? content : BigInt(content) << 200n;
}

/** In place of a writer: of its class, no more is used. */
function recorder(shape: RowShape, written: Map<Key, string>): TableWriter {
  const writer = {
    shape,
    *write(rows: Iterable<readonly [Key, Row | undefined]>): Generator<number> {
      for (const [key, row] of rows) {
        expect(written.has(key)).toBe(false);
        written.set(key, row === undefined ? 'gone' : rendered(row));
      }
      yield 0;
    },
  };
  return writer as unknown as TableWriter;
}

test('many rows are written in the order of their keys, whatever the order in which they changed', () => {
  const count = 10_000;
  // 7,919 and the count have no common factor, so every key comes once.
  const keys = Array.from({ length: count }, (_, n) => (n * 7_919) % count);
  for (const type of ['fixed', 'string'] as const) {
    const table = { ...tableOf([{ type: 'u32' }, { type: type === 'fixed' ? 'u8' : 'string' }], true) };
    const shape = rowShape(table);
    const changes = keys.map((key) => ({
      tableId: 0,
      key,
      before: undefined,
      after: { f0: key, f1: type === 'fixed' ? 1 : 'one' },
    }));
    const written = new Map<Key, string>();
    for (const _ of netRowsOf(shape, changes).write(() => recorder(shape, written)));
    expect([...written.keys()]).toEqual(Array.from({ length: count }, (_, key) => key));
  }
});
