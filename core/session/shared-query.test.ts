import { afterEach, expect, test } from 'vitest';
import { Home, identityOf } from '../authority/home.testing.ts';
import { t } from '../module/column.ts';
import { schema } from '../module/schema.ts';
import { table } from '../module/table.ts';
import type { Expression } from '../query/expression.ts';
import { parseQuery } from '../query/parse.ts';
import type { QueryPlan } from '../query/plan.ts';
import { SharedQueries } from './shared-query.ts';

const note = table({ public: true }, { id: t.u32().primaryKey(), text: t.string().index() });
const homes: Home[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) home.kill();
});

test('[SUB-7] a query that can not be filed as a whole is not there at all', async () => {
  const home = await Home.open({ default: schema({ note }) });
  homes.push(home);
  const { engine } = home.authority;
  const queries = new SharedQueries(engine);
  const parse = (sql: string): QueryPlan => parseQuery(sql, engine.definition, { isVisible: () => true });
  const whole = parse("SELECT * FROM note WHERE text = 'a'");
  const join = parse("SELECT note.* FROM note JOIN note AS other ON other.id = note.id WHERE note.text = 'a'");
  // No parser gives this: a text that is no text.
  const broken = (plan: QueryPlan): QueryPlan => ({
    ...plan,
    where: {
      ...plan.where,
      right: { type: 'literal', value: identityOf(1), valueType: { type: 'string' } },
    } as Expression,
  });
  for (const plan of [whole, join]) {
    const asked = { branches: [whole, join, broken(plan)], isRestricted: false };
    for (const _ of ['first', 'second']) expect(() => queries.take(asked)).toThrowError();
    expect([queries.size, queries.hasJoined]).toEqual([0, false]);
  }
  const row = { id: 1, text: 'a' };
  const found: unknown[] = [];
  queries.match({ tableId: 0, key: 1 as never, before: undefined, after: row }, (query) => found.push(query));
  expect(found).toEqual([]);
  const taken = queries.take({ branches: [whole], isRestricted: false });
  queries.match({ tableId: 0, key: 1 as never, before: undefined, after: row }, (query) => found.push(query));
  expect(found).toEqual([taken]);
});
