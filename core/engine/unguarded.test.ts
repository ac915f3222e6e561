import { expect, test } from 'vitest';
import { t } from '../module/column.ts';
import { table } from '../module/table.ts';
import { Bench } from './engine.testing.ts';

test('SQLite may keep the times of its files while a guarded reducer makes it write', async () => {
  const item = table({ name: 'item' }, { id: t.u32().primaryKey() });
  const bench = await Bench.open({ item }, { guard: true, limits: { cachedRowsMax: 100, dirtyRowsMax: 1_000 } });
  // More than one of the long transactions that `database.ts` keeps open.
  bench.run((ctx) => {
    for (let id = 0; id < 60_000; id++) ctx.db.item.insert({ id });
  });
  expect(bench.engine.select('SELECT count(*) FROM item').rows).toEqual([[60_000]]);
  expect(() => bench.run(() => void Date.now())).toThrow(/ctx\.timestamp/);
});
