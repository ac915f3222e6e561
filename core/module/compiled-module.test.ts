import { schema, t, table } from 'forerun';
import { expect, test } from 'vitest';
import { attachModule, compileModule } from './compiled-module.ts';
import { defineModule } from './module.ts';

const item = table(
  { name: 'item', public: true, indexes: [{ accessor: 'byPlace', algorithm: 'btree', columns: ['x', 'y'] }] },
  { id: t.u64().primaryKey().autoInc(), x: t.i32(), y: t.i32(), owner: t.identity() },
);
const job = table({ name: 'job' }, { id: t.u64().primaryKey().autoInc(), at: t.scheduleAt() });
const aim = table({ name: 'aim', public: true, ephemeral: true }, { id: t.identity().primaryKey(), x: t.f32() });
const things = schema({ item, job, aim });
const run = things.reducer({ onSchedule: job }, { row: job.rowType }, () => {});
const module = {
  default: things,
  run,
  move: things.reducer({ id: t.u64(), x: t.option(t.i32()) }, () => {}),
  hide: things.reducer({ predict: false }, () => {}),
  mine: things.view({ name: 'mine', public: true }, t.array(aim.rowType), () => []),
  filter: things.clientVisibilityFilter.sql('SELECT * FROM item WHERE x > 0'),
  grouped: things.exportGroup({ inner: things.reducer(() => {}) }),
};

test('[MOD-7] a module that was resolved by a build and written into a file is the module', () => {
  const definition = defineModule(module);
  const written = JSON.parse(JSON.stringify(compileModule(definition)));
  expect(attachModule(module, written)).toEqual(definition);
});

test('attached to another module it is refused', () => {
  const compiled = compileModule(defineModule(module));
  const { hide: _, ...other } = module;
  expect(() => attachModule(other, compiled)).toThrow(/'hide'.*build it again/);
});
