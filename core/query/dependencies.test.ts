import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bench } from '../engine/engine.testing.ts';
import { workloadTables } from '../engine/workload.testing.ts';
import { tablesRead } from './dependencies.ts';

let bench: Bench<typeof workloadTables>;
beforeAll(async () => {
  bench = await Bench.open(workloadTables);
});
afterAll(() => bench.engine.close());

const read = (sql: string) =>
  [...tablesRead(bench.engine, sql)].map((tableId) => bench.engine.shape(tableId).table.accessor).sort();

describe('the tables that a statement reads', () => {
  it.each<[sql: string, tables: string[]]>([
    ['SELECT * FROM item', ['item']],
    ['select count(*) from item', ['item']],
    ['SELECT max("group") FROM item', ['item']],
    ['SELECT "group", score FROM item WHERE "group" = 3', ['item']],
    ['SELECT id FROM item WHERE "group" = 1 OR "group" = 2 OR id = 5', ['item']],
    ['SELECT "group" FROM item WHERE "group" = 1 OR ("group" = 2 AND score = 1)', ['item']],
    ['SELECT email FROM user WHERE email > ?', ['user']],
    ['SELECT * FROM label ORDER BY text', ['label']],
    [
      'SELECT * FROM item JOIN label ON label.item = item.id LEFT JOIN user ON user.name = label.text',
      ['item', 'label', 'user'],
    ],
    ['WITH best AS (SELECT * FROM item) SELECT * FROM best, (SELECT 1)', ['item']],
    ['WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n', []],
    ['SELECT (SELECT count(*) FROM label) AS n, EXISTS (SELECT 1 FROM user)', ['label', 'user']],
    ['SELECT id FROM item UNION SELECT item FROM label', ['item', 'label']],
    ['SELECT id, row_number() OVER (ORDER BY score) FROM item', ['item']],
    ['VALUES (1), (2)', []],
    ['SELECT name FROM sqlite_master', []],
    ['  \n SELECT 1', []],
    ["SELECT * FROM json_each('[1]')", []],
    ['SELECT * FROM main.note', ['note']],
  ])('%s: %j', (sql, tables) => {
    expect(read(sql)).toEqual(tables);
  });

  it.each([
    'DELETE FROM item',
    'INSERT INTO item VALUES (1, 2, 3)',
    'WITH x AS (SELECT 1) DELETE FROM item',
    'WITH x AS (SELECT 1) INSERT INTO item SELECT 1, 2, 3',
    'WITH x AS (SELECT 1) UPDATE item SET score = 1',
    'DROP TABLE item',
    'PRAGMA journal_mode',
    "ATTACH '' AS other",
    'COMMIT',
    'EXPLAIN SELECT 1',
    '',
    '-- SELECT 1',
    'SELECT nothing FROM nowhere',
    'SELECT',
    'SELECT 1; DELETE FROM item',
    'SELECT 1;; SELECT 2',
  ])('[LIV-5] %j is refused, since it is no query', (sql) => {
    bench.run((ctx) => ctx.db.item.clear());
    bench.run((ctx) => ctx.db.item.insert({ id: 1, group: 1, score: 1 }));
    expect(() => read(sql)).toThrow(expect.objectContaining({ code: 'query-invalid' }));
    expect(bench.engine.rows(0)).toHaveLength(1);
  });

  it('are those of one statement, which may end in a semicolon', () => {
    expect(read('SELECT * FROM item ; ')).toEqual(['item']);
    expect(read("SELECT ';' FROM item WHERE id = 1;")).toEqual(['item']);
  });
});
