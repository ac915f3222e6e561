import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import type { Seq } from '../../core/commit/call.ts';
import { storedColumns } from '../../core/engine/ddl.ts';
import type { SqlValue } from '../../core/engine/sql-value.ts';
import { describeModule } from '../module-change.ts';
import { definition, hexBlocks, readPage, shapeOf } from '../../test/docs/example.testing.ts';
import { batchChecksum, rowChecksum } from './checksum.ts';
import { createDatabaseFile, openDatabaseFile } from './database-file.ts';
import { birth, scratchFolder } from './storage.testing.ts';

const page = readPage('log-format.md');
const hex = (checksum: number): string => `0x${checksum.toString(16).padStart(8, '0')}`;

test('the example batch and the example row have the checksums that docs/log-format.md says', () => {
  const [{ bytes } = { bytes: new Uint8Array() }] = hexBlocks(page);
  expect(page).toContain(hex(batchChecksum({ number: 3, firstSeq: 8 as Seq, commitCount: 2, bytes })));
  const values: SqlValue[] = [];
  shapeOf(0).sql.toSql({ id: 257n, name: 'Bo', score: 0 }, 257n, values);
  expect(values).toEqual([257, 'Bo', 0]);
  expect(page).toContain(hex(rowChecksum(values)));
});

test('a row’s checksum tells its values apart, and where one ends and the next begins', () => {
  const value = fc.oneof(fc.constant(null), fc.double({ noNaN: true }), fc.string(), fc.uint8Array({ maxLength: 8 }));
  const rows = fc.array(value, { maxLength: 4 });
  fc.assert(
    fc.property(rows, rows, (a, b) => {
      const same = JSON.stringify(a.map(told)) === JSON.stringify(b.map(told));
      expect(rowChecksum(a) === rowChecksum(b)).toBe(same);
    }),
  );
  expect(rowChecksum(['ab', 'c'])).not.toBe(rowChecksum(['a', 'bc']));
  expect(rowChecksum([''])).not.toBe(rowChecksum([null]));
  expect(rowChecksum(['x'.repeat(100_000), 1])).not.toBe(rowChecksum(['x'.repeat(100_000), 2]));
});

function told(value: null | number | string | Uint8Array): unknown {
  if (typeof value === 'number') return Object.is(value, -0) ? '-0 as number' : { number: String(value) };
  return value instanceof Uint8Array ? { bytes: [...value] } : { value };
}

test('the database file has the tables and columns that docs/log-format.md lists', () => {
  const path = join(scratchFolder(), 'main.sqlite');
  createDatabaseFile(path, birth, describeModule(definition));
  openDatabaseFile(path).close();
  const db = new DatabaseSync(path, { readOnly: true });
  onTestFinished(() => db.close());
  const columnsOf = (table: string): unknown[] =>
    db
      .prepare('SELECT name FROM pragma_table_info(?)')
      .all(table)
      .map(({ name }) => name);
  const listed = new Map(
    [...page.matchAll(/^\| `(_forerun_\w+)` \| ([^|]*) \|/gm)].map(([, name = '', columns = '']) => [name, columns]),
  );
  const tables = db
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
    .all()
    .map(({ name }) => String(name));
  expect(tables.sort()).toEqual([...listed.keys(), 'player'].sort());
  for (const [table, columns] of listed) {
    expect([...columns.matchAll(/`(\w+)`/g)].map(([, name]) => name)).toEqual(columnsOf(table));
  }
  const [player] = definition.tables;
  expect(columnsOf('player')).toEqual([...(player === undefined ? [] : storedColumns(player)), '_checksum']);
});
