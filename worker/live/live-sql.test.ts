import { type Sql, schema, sql, Timestamp, t, table } from 'forerun';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Engine } from '../../core/engine/engine.ts';
import type { SqlValue } from '../../core/engine/sql-value.ts';
import { defineModule } from '../../core/module/module.ts';
import { sqlText } from '../../core/query/sql-template.ts';
import type { HostEvent } from '../client/host-api.ts';
import { LiveQueries } from './live-query.ts';
import { provideAllCode } from '../all-code.ts';

provideAllCode();

const big = table(
  { name: 'big', public: true },
  {
    id: t.u64().primaryKey(),
    i: t.i64(),
    w: t.u128(),
    s: t.i256(),
    f: t.f64(),
    at: t.timestamp(),
    text: t.string(),
  },
);
const definition = defineModule({ default: schema({ big }) });
let engine: Engine;
let queries: LiveQueries;
beforeEach(async () => {
  engine = await Engine.open({ definition, ids: { next: () => 0n } });
  queries = new LiveQueries({ engine, nowMs: () => 0 });
});
afterEach(() => {
  queries.close();
  engine.close();
});

const beyond = 2n ** 53n + 1n;
const largest = 2n ** 64n - 1n;
function put(id: bigint, { i = 0n, w = 0n, s = 0n, text = '{}' } = {}): void {
  const row = { id, i, w, s, f: 1e300, at: new Timestamp(beyond), text };
  const change = { tableId: 0, key: engine.shape(0).keyOf(row), before: undefined, after: row };
  engine.apply([change]);
  queries.changed(change);
}

let lastId = 0;
function watch(query: Sql | string, ...params: SqlValue[]): number {
  const { text, params: values } = typeof query === 'string' ? { text: query, params } : sqlText(query);
  const failure = queries.watch({ queryId: ++lastId, source: { type: 'sql', sql: text, params: values } });
  if (failure?.type === 'queryFailed') throw new Error(failure.message);
  return lastId;
}
const rowsOf = (events: readonly HostEvent[], queryId: number) =>
  events.flatMap((event) => (event.type === 'rows' && event.queryId === queryId ? [event.update.fresh] : []))[0];
function ask(query: Sql | string, ...params: SqlValue[]): unknown {
  const queryId = watch(query, ...params);
  const rows = rowsOf(queries.refresh(), queryId);
  queries.unwatch(queryId);
  return rows;
}

describe('[LIV-16] integers in SQL of an app’s own', () => {
  test('are exact, numbers where these hold them and bigints beyond, and unsigned where their column is', () => {
    put(largest, { i: -5n });
    put(beyond, { i: -(2n ** 63n) });
    put(3n, { i: 2n ** 53n - 1n });
    expect(ask('SELECT id, i, f FROM big ORDER BY id < 0, id')).toEqual([
      [3, 2 ** 53 - 1, 1e300],
      [beyond, -(2n ** 63n), 1e300],
      [largest, -5, 1e300],
    ]);
    expect(ask('SELECT * FROM (SELECT id AS x FROM big AS b) WHERE x < 0')).toEqual([[largest]]);
    expect(ask('WITH low AS (SELECT id, i FROM big) SELECT i, low.id FROM low WHERE id < ?1 AND i < ?1;', 0)).toEqual([
      [-5, largest],
    ]);
    expect(ask('SELECT at FROM big WHERE id = 3')).toEqual([[beyond]]);
    expect(ask('SELECT max(id) FROM big')).toEqual([[beyond]]);
    // What a column of several queries is, is said by none of them.
    expect(ask('SELECT id FROM big WHERE id < 0 UNION SELECT -7')).toEqual([[-7], [-1]]);
  });

  test('as values are integers for SQLite', () => {
    put(beyond, { i: -beyond });
    const found = [[beyond]];
    expect(ask(sql`SELECT id FROM big WHERE id = ${beyond}`)).toEqual(found);
    expect(ask(sql`SELECT id FROM big WHERE id + 0 = ${beyond}`)).toEqual(found);
    expect(ask(sql`SELECT id FROM big WHERE coalesce(id, 0) >= ${beyond} AND i = ${-beyond}`)).toEqual(found);
    expect(ask(sql`SELECT ${beyond}, ${5n}, ${2n ** 40n} % 7`)).toEqual([[beyond, 5, Number(2n ** 40n % 7n)]]);
    expect(ask('SELECT ?2, ?1, ?2', beyond, 'a')).toEqual([['a', beyond, 'a']]);
    expect(ask('SELECT :a, $b, :a', beyond, 1)).toEqual([[beyond, 1, beyond]]);
  });

  test('are compared with columns as these store them', () => {
    put(largest, { w: 2n ** 127n, s: -(2n ** 200n) });
    put(1n, { w: 5n, s: 5n });
    const found = [[largest]];
    expect(ask(sql`SELECT id FROM big WHERE big.id = ${largest}`)).toEqual(found);
    expect(ask(sql`SELECT id FROM big WHERE id IN (${2n}, ${largest}) AND ${largest} = big.id`)).toEqual(found);
    expect(ask(sql`SELECT id FROM big WHERE id IS ${largest} AND id IS NOT ${1n}`)).toEqual(found);
    expect(ask(sql`SELECT id FROM big AS b WHERE b."w" > ${5n} AND b.s < ${-5}`)).toEqual(found);
    expect(ask(sql`SELECT id FROM big WHERE w BETWEEN ${5} AND ${6n}`)).toEqual([[1]]);
    expect(ask(sql`SELECT id FROM big WHERE w = ${2n ** 127n}`)).toEqual(found);
  });

  test.each([
    [sql`SELECT id FROM big WHERE id > ${2n ** 63n}`, /values of u64 from 2\^63 up have no order/],
    [sql`SELECT id FROM big WHERE id + 0 = ${2n ** 63n}`, /no integers as large/],
    [sql`SELECT id FROM big WHERE i = ${2n ** 63n}`, /no integers as large/],
    [sql`SELECT id FROM big WHERE w = ${-1n}`, /no u128 is -1/],
    [sql`SELECT id FROM big WHERE text = ${'👍'.slice(1)}`, /half of a character/],
  ])('are refused where they would be compared wrongly', (query, problem) => {
    expect(() => ask(query)).toThrowError(problem);
  });
});

describe('[LIV-5] SQL of an app’s own is refused', () => {
  test.each<[string, SqlValue[], RegExp]>([
    ['SELECT id FROM big WHERE id = ?', [], /position 31: it has 1 values to be bound .* 0 came/],
    ['SELECT id FROM big WHERE id = ?', [1, 2], /it has 1 values to be bound .* 2 came/],
    ['SELECT ?, ?3', [1, 2], /position 11: it has 3 values to be bound .* 2 came/],
    ['SELECT 1; SELECT 2', [], /position 11: a query is one statement/],
    ['SELECT 1 /* ; */; -- ;\n VALUES (1)', [], /line 2, position 2: a query is one statement/],
  ])('%s with %j', (text, params, problem) => {
    expect(() => ask(text, ...params)).toThrowError(problem);
  });

  test('but a sign in a text, a comment or a name is none', () => {
    put(1n);
    expect(ask('SELECT \';?\', id AS "a?;" FROM big /* ?; */ WHERE id = ? -- ;?', 1)).toEqual([[';?', 1]]);
    expect(ask('-- what there is\nSELECT 1;')).toEqual([[1]]);
  });
});

test('[LIV-17] what stands in double quotes is a name, and never a text where there is none', () => {
  put(1n);
  expect(ask('SELECT "id" FROM "big" AS "b ``" WHERE "b ``"."id" = 1')).toEqual([[1]]);
  expect(() => ask('SELECT id FROM big WHERE text = "nope"')).toThrowError(
    /no such column: nope \(line 1, column 33\)\n {2}SELECT id FROM big WHERE text = "nope"/,
  );
});

test('[LIV-10] an error goes with the next result, also when that is the same as the one before it', () => {
  put(1n);
  const queryId = watch("SELECT id, json_extract(text, '$.a') AS a FROM big");
  expect(rowsOf(queries.refresh(), queryId)).toEqual([[1, null]]);
  put(1n, { text: 'broken' });
  expect(queries.refresh()).toMatchObject([{ type: 'queryFailed', queryId }]);
  put(1n);
  expect(queries.refresh()).toMatchObject([{ type: 'rows', queryId, update: { fresh: [] } }]);
  put(1n, { i: 1n });
  expect(queries.refresh()).toEqual([]);
});
