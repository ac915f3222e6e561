/** The bounds of a query's text. What it may say is tested with what it selects, in `query.property.test.ts`. */

import { expect, test } from 'vitest';
import { limits } from '../limits.ts';
import { t } from '../module/column.ts';
import { defineModule } from '../module/module.ts';
import { schema } from '../module/schema.ts';
import { table } from '../module/table.ts';
import { parseQuery } from './parse.ts';

const definition = defineModule({ default: schema({ item: table({ public: true }, { id: t.u32().primaryKey() }) }) });
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
