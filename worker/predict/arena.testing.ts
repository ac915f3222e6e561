/**
 * A module made for conflicts: few rows, every kind of read, every way to throw. Arguments are drawn from a handful of
 * values, so that calls of different clients meet all the time.
 */

import fc from 'fast-check';
import { SenderError } from '../../core/errors.ts';
import { t } from '../../core/module/column.ts';
import { defineModule } from '../../core/module/module.ts';
import { specOf } from '../../core/module/query-builder.ts';
import { count, max } from '../../core/module/query-expression.ts';
import type { QuerySpec } from '../../core/module/query-spec.ts';

import { Range } from '../../core/module/range.ts';
import type { ReducerCtx } from '../../core/module/context.ts';
import { type InferSchema, schema } from '../../core/module/schema.ts';
import { table } from '../../core/module/table.ts';

const unit = table(
  {
    name: 'unit',
    public: true,
    indexes: [{ accessor: 'place', algorithm: 'btree', columns: ['team', 'pos'] }],
  },
  {
    id: t.u32().primaryKey(),
    name: t.string().unique(),
    team: t.u8().index(),
    pos: t.i32(),
    hp: t.i64(),
  },
);
const item = table(
  { name: 'item', public: true },
  { id: t.u64().primaryKey().autoInc(), owner: t.u32().index(), note: t.string() },
);
/** Too narrow to lend from: its predicted ids are stand-ins. */
const badge = table({ name: 'badge', public: true }, { id: t.u16().primaryKey().autoInc(), owner: t.u32().index() });
const tag = table({ name: 'tag', public: true }, { owner: t.u32().index(), label: t.string() });
const tally = table({ name: 'tally', public: true }, { what: t.string().primaryKey(), value: t.f64() });
const vault = table({ name: 'vault' }, { id: t.u32().primaryKey(), value: t.i64() });

const arena = schema({ unit, item, badge, tag, tally, vault });
type Ctx = ReducerCtx<InferSchema<typeof arena>>;

function setTally(ctx: Ctx, what: string, value: number): void {
  if (ctx.db.tally.what.find(what) === null) ctx.db.tally.insert({ what, value });
  else ctx.db.tally.what.update({ what, value });
}

const spawn = arena.reducer(
  { id: t.u32(), name: t.string(), team: t.u8(), pos: t.i32() },
  (ctx, { id, name, team, pos }) => {
    ctx.db.unit.insert({ id, name, team, pos, hp: 3n });
  },
);

const move = arena.reducer({ id: t.u32(), pos: t.i32() }, (ctx, { id, pos }) => {
  const known = ctx.db.unit.id.find(id);
  if (known === null) throw new SenderError(`no unit ${id}`);
  ctx.db.unit.id.update({ ...known, pos });
});

const hit = arena.reducer({ id: t.u32(), by: t.i64() }, (ctx, { id, by }) => {
  const known = ctx.db.unit.id.find(id);
  if (known === null) return;
  if (known.hp < by) ctx.db.unit.id.delete(id);
  else ctx.db.unit.id.update({ ...known, hp: known.hp - by });
});

const enlist = arena.reducer({ id: t.u32(), team: t.u8() }, (ctx, { id, team }) => {
  const known = ctx.db.unit.id.find(id);
  if (known !== null) ctx.db.unit.id.update({ ...known, team });
});

const rename = arena.reducer({ id: t.u32(), name: t.string() }, (ctx, { id, name }) => {
  const known = ctx.db.unit.id.find(id);
  if (known === null) throw new SenderError('nobody to rename');
  try {
    ctx.db.unit.id.update({ ...known, name });
  } catch {
    ctx.db.unit.id.update({ ...known, hp: known.hp + 1n });
  }
});

/** Rows enter and leave the range that another call of it has read. */
const push = arena.reducer({ team: t.u8(), from: t.i32(), to: t.i32(), by: t.i32() }, (ctx, { team, from, to, by }) => {
  const range = new Range({ tag: 'included', value: from }, { tag: 'excluded', value: to });
  for (const each of [...ctx.db.unit.place.filter([team, range])])
    ctx.db.unit.id.update({ ...each, pos: each.pos + by });
});

const cull = arena.reducer({ team: t.u8(), below: t.i32() }, (ctx, { team, below }) => {
  ctx.db.unit.place.delete([team, new Range(null, { tag: 'excluded', value: below })]);
});

const strength = arena.reducer({ team: t.u8() }, (ctx, { team }) => {
  let sum = 0;
  for (const { hp } of ctx.db.unit.team.filter(team)) sum += Number(hp);
  setTally(ctx, `team ${team}`, sum);
});

const census = arena.reducer({}, (ctx) => setTally(ctx, 'units', Number(ctx.db.unit.count())));

const survey = arena.reducer({}, (ctx) => {
  let text = 0;
  for (const { id, pos } of ctx.db.unit.iter()) text = (text * 7 + id * 3 + pos) % 1009;
  setTally(ctx, 'survey', text);
});

const byName = arena.reducer({ name: t.string() }, (ctx, { name }) => {
  setTally(ctx, `name ${name}`, ctx.db.unit.name.find(name)?.id ?? -1);
});

const drop = arena.reducer({ owner: t.u32(), count: t.u8() }, (ctx, { owner, count }) => {
  for (let i = 0; i < count; i++) ctx.db.item.insert({ id: 0n, owner, note: `${ctx.random.integerInRange(0, 99)}` });
});

/** Draws an id on some states only. */
const reward = arena.reducer({ team: t.u8(), owner: t.u32() }, (ctx, { team, owner }) => {
  const strong = [...ctx.db.unit.team.filter(team)].length > 1;
  if (strong) ctx.db.item.insert({ id: 0n, owner, note: 'reward' });
  else setTally(ctx, 'unrewarded', (ctx.db.tally.what.find('unrewarded')?.value ?? 0) + 1);
});

const decorate = arena.reducer({ owner: t.u32() }, (ctx, { owner }) => {
  ctx.db.badge.insert({ id: 0, owner });
  if ([...ctx.db.badge.owner.filter(owner)].length > 3) ctx.db.badge.owner.delete(owner);
});

const hand = arena.reducer({ from: t.u32(), to: t.u32() }, (ctx, { from, to }) => {
  const [first] = ctx.db.item.owner.filter(from);
  if (first === undefined) throw new SenderError('nothing to hand over');
  ctx.db.item.id.update({ ...first, owner: to });
});

const label = arena.reducer({ owner: t.u32(), label: t.string() }, (ctx, row) => {
  ctx.db.tag.insert(row);
});

const unlabel = arena.reducer({ owner: t.u32(), label: t.string() }, (ctx, row) => {
  if (!ctx.db.tag.delete(row)) ctx.db.tag.owner.delete(row.owner);
});

const clearTags = arena.reducer({}, (ctx) => {
  if (ctx.db.tag.clear() > 2n) throw new SenderError('too many to clear');
});

/** Calls others in its own transaction, and may throw when they are done. */
const campaign = arena.reducer({ id: t.u32(), team: t.u8(), limit: t.i64() }, (ctx, { id, team, limit }) => {
  enlist(ctx, { id, team });
  push(ctx, { team, from: -2, to: 3, by: 1 });
  census(ctx, {});
  const known = ctx.db.unit.id.find(id);
  if (known !== null && known.hp > limit) throw new SenderError(`unit ${id} is too strong`);
});

/** Writes and takes back: a change to no row. */
const feint = arena.reducer({ id: t.u32() }, (ctx, { id }) => {
  const known = ctx.db.unit.id.find(id);
  if (known === null) return;
  ctx.db.unit.id.update({ ...known, pos: known.pos + 1 });
  ctx.db.unit.id.update(known);
});

/** Can be predicted on some states only. */
const audit = arena.reducer({ id: t.u32() }, (ctx, { id }) => {
  const known = ctx.db.unit.id.find(id);
  if (known !== null && known.pos > 1) ctx.db.vault.insert({ id: ctx.random.uint32(), value: known.hp });
  setTally(ctx, 'audits', (ctx.db.tally.what.find('audits')?.value ?? 0) + 1);
});

const secretly = arena.reducer({ predict: false }, { id: t.u32() }, (ctx, { id }) => {
  const known = ctx.db.unit.id.find(id);
  if (known !== null) ctx.db.unit.id.update({ ...known, hp: ctx.random.bigintInRange(1n, 9n) });
});

const stamp = arena.reducer({ id: t.u32() }, (ctx, { id }) => {
  setTally(ctx, `stamp ${id}`, Number(ctx.timestamp.microsSinceUnixEpoch % 1000n));
});

const bug = arena.reducer({ id: t.u32() }, (ctx, { id }) => {
  ctx.db.unit.id.delete(id);
  if (ctx.db.unit.count() < 2n) throw new TypeError('not meant to happen');
});

export const definition = defineModule({
  default: arena,
  spawn,
  move,
  hit,
  enlist,
  rename,
  push,
  cull,
  strength,
  census,
  survey,
  byName,
  drop,
  reward,
  decorate,
  hand,
  label,
  unlabel,
  clearTags,
  campaign,
  feint,
  audit,
  secretly,
  stamp,
  bug,
});

const id = fc.integer({ min: 0, max: 4 });
const team = fc.integer({ min: 0, max: 1 });
const pos = fc.integer({ min: -3, max: 4 });
const name = fc.constantFrom('ann', 'bob', 'cy', 'dee', 'eve');
const amount = fc.bigInt({ min: 0n, max: 4n });

const argsOf: Readonly<Record<string, fc.Arbitrary<object>>> = {
  spawn: fc.record({ id, name, team, pos }),
  move: fc.record({ id, pos }),
  hit: fc.record({ id, by: amount }),
  enlist: fc.record({ id, team }),
  rename: fc.record({ id, name }),
  push: fc.record({ team, from: pos, to: pos, by: fc.integer({ min: -2, max: 2 }) }),
  cull: fc.record({ team, below: pos }),
  strength: fc.record({ team }),
  byName: fc.record({ name }),
  drop: fc.record({ owner: id, count: fc.integer({ min: 0, max: 3 }) }),
  reward: fc.record({ team, owner: id }),
  decorate: fc.record({ owner: id }),
  hand: fc.record({ from: id, to: id }),
  label: fc.record({ owner: id, label: name }),
  unlabel: fc.record({ owner: id, label: name }),
  campaign: fc.record({ id, team, limit: amount }),
  feint: fc.record({ id }),
  audit: fc.record({ id }),
  secretly: fc.record({ id }),
  stamp: fc.record({ id }),
  bug: fc.record({ id }),
};

/** A reducer of the arena and arguments for it. */
export interface ArenaCall {
  readonly reducer: string;
  readonly args: object;
}

/** The first ones come up more often: without units there is nothing to fight over. */
export const arenaCall: fc.Arbitrary<ArenaCall> = fc.oneof(
  ...definition.reducers.map(({ accessor }) => ({
    weight: accessor === 'spawn' ? 4 : accessor === 'push' || accessor === 'move' ? 2 : 1,
    arbitrary: (argsOf[accessor] ?? fc.constant({})).map((args) => ({ reducer: accessor, args })),
  })),
);

const { tables } = arena;

/** Of the builder: one table, in order and cut off, a join, sums; kept up to date row by row. */
export const builderQueries: readonly QuerySpec[] = [
  tables.unit.orderBy((each) => [each.pos.desc(), each.id]).limit(3),
  tables.item.where((each) => each.owner.lt(2)),
  tables.unit
    .join(tables.item, (each, held) => each.id.eq(held.owner))
    .select((each, held) => ({ name: each.name, item: held.id }))
    .orderBy((row) => [row.name, row.item]),
  tables.unit.groupBy((each) => each.team).select((each) => ({ team: each.team, n: count(), far: max(each.pos) })),
].map((query) => specOf(query) as QuerySpec);

export const queries: readonly string[] = [
  'SELECT team, count(*), sum(hp), max(pos) FROM unit GROUP BY team ORDER BY team',
  'SELECT unit.name, item.id, tag.label FROM unit LEFT JOIN item ON item.owner = unit.id LEFT JOIN tag ON tag.owner = unit.id ORDER BY 1, 2, 3',
  'SELECT (SELECT count(*) FROM badge), (SELECT group_concat(what || value) FROM (SELECT * FROM tally ORDER BY what))',
];
