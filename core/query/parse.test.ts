/** The bounds of a query's text, and what of it is refused. What it may say is tested with what it selects, in `query.property.test.ts`. */

import { expect, test } from 'vitest';
import { limits } from '../limits.ts';
import { t } from '../module/column.ts';
import { defineModule } from '../module/module.ts';
import { schema } from '../module/schema.ts';
import { table } from '../module/table.ts';
import { parseQuery } from './parse.ts';

const item = table(
  { public: true },
  {
    id: t.u32().primaryKey(),
    text: t.string(),
    body: t.byteArray(),
    ok: t.bool(),
    by: t.identity(),
    kind: t.enum('K', ['a']),
  },
);
const definition = defineModule({ default: schema({ item }) });
const asked = (condition: string): unknown =>
  parseQuery(`SELECT * FROM item WHERE ${condition}`, definition, { isVisible: () => true });
const refused = (limit: string) =>
  expect.objectContaining({ code: 'query-invalid', message: expect.stringContaining(limit) });

test('[LIM-8] a condition has at most so many comparisons, and an IN is one', () => {
  const terms = (count: number): string => Array.from({ length: count }, (_, id) => `id = ${id}`).join(' OR ');
  expect(() => asked(terms(limits.queryTermsMax))).not.toThrow();
  expect(() => asked(terms(limits.queryTermsMax + 1))).toThrowError(refused('queryTermsMax'));
  const values = Array.from({ length: 5_000 }, (_, id) => id).join(',');
  expect(() => asked(`id IN (${values})`)).not.toThrow();
});

test('[LIM-8] a condition is nested so deep, and a text so long', () => {
  const nested = (depth: number): string => `${'('.repeat(depth)}id = 1${')'.repeat(depth)}`;
  expect(() => asked(nested(limits.queryDepthMax - 1))).not.toThrow();
  expect(() => asked(nested(limits.queryDepthMax + 1))).toThrowError(refused('queryDepthMax'));
  expect(() => asked(`id = 1 ${' '.repeat(limits.queryLengthMax)}`)).toThrowError(refused('queryLengthMax'));
});

test.each(['text IN (item.id)', 'id IN (1, text)', 'body IN (:sender)', 'id IN (:sender)', 'text = id'])(
  '[QRY-4] %s compares values of different types',
  (condition) => {
    expect(() => asked(condition)).toThrowError(/position \d+: the two sides are of different types/);
  },
);

test('[QRY-4] a column is compared with a list of others of its type', () => {
  expect(() => asked("text IN (item.text, 'a')")).not.toThrow();
  expect(() => asked('by IN (:sender)')).not.toThrow();
});

test.each([
  "text > -'a'",
  'ok = +anything',
  'ok = -TRUE',
  "id = -'1'",
  "body = -x'00'",
  'by = -:sender',
  "kind = -'a'",
])('[QRY-4] %s has a sign before what is no number', (condition) => {
  expect(() => asked(condition)).toThrowError(/Query refused at position \d+: expected (a|bytes)/);
});

test.each([
  ['SELECT * FROM item LIMIT 1', 20, 'LIMIT'],
  ['SELECT * FROM item i LIMIT 1', 22, 'LIMIT'],
  ['SELECT * FROM item WHERE id = 1 ORDER BY id', 33, 'ORDER'],
  ['SELECT * FROM item GROUP BY id', 20, 'GROUP'],
])('[QRY-4] %s is told that these queries take no such clause', (text, position, clause) => {
  const parse = (): unknown => parseQuery(text, definition, { isVisible: () => true });
  expect(parse).toThrowError(new RegExp(`at position ${position}: a subscription takes no ${clause}`));
  expect(() =>
    parseQuery('SELECT "limit".* FROM item "limit" WHERE "limit".id = 1', definition, { isVisible: () => true }),
  ).not.toThrow();
});

test('[SUB-6] half a character is refused with its place, wherever it stands, and the message has none', () => {
  const half = '👍'.slice(0, 1);
  for (const text of [`text LIKE '%${half}%'`, `text = 'a${half}'`, `"${half}" = 1`, `id = 1 -- ${half}`])
    expect(() => asked(text)).toThrowError(
      expect.objectContaining({
        code: 'query-invalid',
        message: expect.stringMatching(/position \d+: it has half of a character/),
      }),
    );
  const bound = (): unknown =>
    parseQuery('SELECT * FROM item WHERE text LIKE ?', definition, { isVisible: () => true, params: [half] });
  expect(bound).toThrowError(/position 36: it has half of a character/);
  // The message shows so much of the text as ends between the halves of a character.
  const long = `${'👍'.repeat(300)}`;
  for (const text of [`SELECT nothing ${long}`, `SELECT nothing  ${long}`])
    try {
      parseQuery(text, definition, { isVisible: () => true });
      expect.unreachable();
    } catch (error) {
      expect([(error as Error).message.isWellFormed(), (error as Error).message]).toEqual([true, expect.any(String)]);
    }
});
