import { schema, t, table } from 'forerun';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Engine } from '../../core/engine/engine.ts';
import type { ForerunError } from '../../core/errors.ts';
import { defineModule } from '../../core/module/module.ts';
import { withPlace } from './query-error.ts';
import { sliceMs } from './slices.ts';
import { SqlQuery } from './sql-query.ts';

const item = table({ public: true }, { id: t.u32().primaryKey(), text: t.string() });
const definition = defineModule({ default: schema({ item }) });
let engine: Engine;
/** Each look at the clock takes a millisecond. */
let now = 0;

beforeEach(async () => {
  now = 0;
  engine = await Engine.open({ definition, ids: { next: () => 0n } });
  engine.store(0).load(Array.from({ length: 2_000 }, (_, id) => ({ id, text: `t${id}` })));
});
afterEach(() => engine.close());

const query = (sql: string) => new SqlQuery({ engine, sql, params: [], nowMs: () => now++ });
const put = (id: number) => engine.apply([{ tableId: 0, key: id, before: undefined, after: { id, text: 'new' } }]);

describe('[LIV-9] a long query', () => {
  test('is run in slices, and has its result at the end of the last', () => {
    const each = query('SELECT id FROM item');
    let slices = 0;
    let found = each.refresh();
    for (; found === undefined; found = each.refresh()) slices++;
    expect(slices).toBeGreaterThan(1);
    expect(found.fresh).toHaveLength(2_000);
    expect(each.isStale).toBe(false);
    each.close();
  });

  test('begins anew when its table changes meanwhile, so that it never shows half of a change', () => {
    const each = query('SELECT id, text FROM item ORDER BY id');
    expect(each.refresh()).toBeUndefined();
    put(1);
    put(1_999);
    each.touch(0);
    let found = each.refresh();
    while (found === undefined) found = each.refresh();
    expect(found.fresh.filter(([, text]) => text === 'new').map(([id]) => id)).toEqual([1, 1_999]);
    each.close();
  });

  test('begins anew when the engine has held another state meanwhile, even if that is gone again', () => {
    const each = query('SELECT id, text FROM item ORDER BY id');
    expect(each.refresh()).toBeUndefined();
    // As a reconciliation in slices does: the last rows are others for a while, and SQLite has seen it.
    put(1_999);
    engine.flush();
    each.interrupt();
    engine.apply([{ tableId: 0, key: 1_999, before: undefined, after: { id: 1_999, text: 't1999' } }]);
    let found = each.refresh();
    while (found === undefined) found = each.refresh();
    expect(found.fresh.at(-1)).toEqual([1_999, 't1999']);
    each.close();
  });

  test('comes to its end however often its table changes', () => {
    const each = query('SELECT id FROM item');
    let found = each.refresh();
    let turns = 0;
    for (; found === undefined && turns < 100; turns++) {
      put(5_000 + turns);
      each.touch(0);
      found = each.refresh();
    }
    expect(turns).toBeLessThan(10);
    each.close();
  });

  test('leaves others time before it runs again, and a short one does not', () => {
    const long = query('SELECT id FROM item');
    while (long.refresh() === undefined);
    expect(long.notBeforeMs - now).toBeGreaterThan(2 * sliceMs);
    const short = query('SELECT count(*) FROM item');
    short.refresh();
    expect(short.notBeforeMs).toBeLessThan(now);
    long.close();
    short.close();
  });
});

describe('an error of SQLite', () => {
  const failure = (sql: string): ForerunError => {
    try {
      query(sql);
    } catch (error) {
      return withPlace(error, engine, sql);
    }
    throw new Error('it was taken');
  };

  test.each([
    ['SELECT id FROM itm', 'no such table: itm', 1, 16],
    ['SELECT id,\n  txt FROM item', 'no such column: txt', 2, 3],
    ['SELECT i.absent FROM item i', 'no such column: i.absent', 1, 8],
    ['SELECT id FROM item WHER id = 1', 'near "id"', 1, 26],
    ['SELECT nope(id) FROM item', 'no such function: nope', 1, 8],
    // Whole words, and none in texts, comments or parts of other names.
    ["SELECT id AS xtxt, 'txt' /* txt */ FROM item WHERE txt = 1", 'no such column: txt', 1, 52],
    ['SELECT one FROM (SELECT id AS one, text AS on FROM item)', 'near "on"', 1, 44],
    // Where there are several, the one that is meant.
    ['SELECT (SELECT x FROM (SELECT 1 AS x)) FROM item WHERE x = 1', 'no such column: x', 1, 56],
    ['SELECT x FROM item WHERE x = 1', 'no such column: x', 1, 8],
    ['SELECT text AS t FROM item GROUP BY item.t', 'no such column: item.t', 1, 37],
    ['SELECT a.id FROM item a, item b WHERE id = 1', 'ambiguous column name: id', 1, 39],
    ['SELECT abs(id), abs() FROM item', 'wrong number of arguments to function abs()', 1, 17],
    ['SELECT id FROM item WHERE count(id) = 1', 'misuse of aggregate', 1, 27],
    ['SELECT sum(id) OVER w FROM item', 'no such window: w', 1, 21],
    ["SELECT id FROM item WHERE text = 'a' COLLATE foo", 'no such collation sequence: foo', 1, 46],
    ["SELECT id FROM item WHERE text = 'a", 'unrecognized token', 1, 34],
  ])('[LIV-10] in %j reaches the developer with text and place', (sql, message, line, column) => {
    const error = failure(sql);
    expect(error.message).toContain(message);
    expect(error.message).toContain(sql.split('\n')[0]);
    expect(error.detail).toEqual({ sql, line, column });
    expect(error.code).toBe('query-invalid');
  });
});
