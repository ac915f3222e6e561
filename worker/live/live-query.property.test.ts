import { schema, t, table } from 'forerun';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Row, RowChange } from '../../core/commit/row-change.ts';
import { Engine } from '../../core/engine/engine.ts';
import { limits } from '../../core/limits.ts';
import { defineModule } from '../../core/module/module.ts';
import { specOf } from '../../core/module/query-builder.ts';
import { count, max, sum } from '../../core/module/query-expression.ts';
import type { HostEvent } from '../client/host-api.ts';
import { LiveRowsState } from '../client/live-rows.ts';
import { LiveQueries } from './live-query.ts';
import { provideAllCode } from '../all-code.ts';

provideAllCode();

const runs = Number(process.env.FORERUN_PROPERTY_RUNS ?? 60);
const team = table({ public: true }, { id: t.u32().primaryKey(), name: t.string() });
const player = table({ public: true }, { id: t.u32().primaryKey(), team: t.u32().index(), score: t.u32() });
const shout = table({ public: true, event: true }, { id: t.u32().primaryKey() });
const game = schema({ team, player, shout });
const definition = defineModule({ default: game });
const { tables } = game;

const queries = [
  tables.player,
  tables.player.where((p) => p.score.gte(5)).orderBy((p) => p.score.desc()),
  tables.player.orderBy((p) => [p.score.desc(), p.id]).limit(3),
  tables.player
    .orderBy((p) => p.score)
    .limit(2)
    .offset(2),
  tables.team.leftSemijoin(
    tables.player.where((p) => p.score.gt(3)),
    (each, p) => each.id.eq(p.team),
  ),
  tables.player
    .join(tables.team, (p, each) => p.team.eq(each.id))
    .select((p, each) => ({ team: each.name, score: p.score }))
    .orderBy((r) => r.score),
  // Of a player's score it shows nothing.
  tables.player
    .join(tables.team, (p, each) => p.team.eq(each.id))
    .select((p, each) => ({ player: p.id, team: each.name })),
  tables.player
    .groupBy((p) => p.team)
    .select((p) => ({ team: p.team, n: count(), best: max(p.score), all: sum(p.score) }))
    .orderBy((r) => r.all.desc())
    .limit(2),
  tables.shout,
].map((query) => {
  const spec = specOf(query);
  if (spec === undefined) throw new Error('a query of the builder');
  return spec;
});

/** A page with live rows of every query, and what it was told. */
class Page {
  readonly live: LiveQueries;
  readonly rows: readonly LiveRowsState<Row>[];
  calls = 0;

  constructor(engine: Engine, maintains: boolean) {
    this.live = new LiveQueries({ engine, nowMs: () => 0, maintains });
    this.rows = queries.map((spec, queryId) => {
      expect(this.live.watch({ queryId, source: { type: 'query', spec } })).toBeUndefined();
      const rows = new LiveRowsState<Row>(() => {});
      rows.subscribe(() => this.calls++);
      return rows;
    });
    this.refresh();
  }

  refresh(): void {
    for (const event of this.live.refresh()) this.#receive(event);
  }

  #receive(event: HostEvent): void {
    if (event.type !== 'rows') throw new Error(`unexpected ${event.type}`);
    this.rows[event.queryId]?.update(event.update);
  }
}

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.open({ definition, ids: { next: () => 0n } });
});
afterAll(() => engine.close());

type Step =
  | { readonly type: 'write'; readonly tableId: number; readonly row: Row; readonly isRemoved: boolean }
  | { readonly type: 'refresh' }
  /** Rows become others without a word about which, as when a snapshot comes. */
  | { readonly type: 'touch'; readonly row: Row };

const small = fc.nat({ max: 9 });
const playerRow = fc.record({ id: small, team: fc.nat({ max: 3 }), score: small });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: playerRow.chain((row) => write(1, row)) },
  {
    weight: 3,
    arbitrary: fc.record({ id: fc.nat({ max: 3 }), name: fc.constantFrom('a', 'b') }).chain((row) => write(0, row)),
  },
  { weight: 1, arbitrary: fc.record({ id: small }).chain((row) => write(2, row)) },
  { weight: 6, arbitrary: fc.constant({ type: 'refresh' as const }) },
  { weight: 1, arbitrary: playerRow.map((row) => ({ type: 'touch' as const, row })) },
);

function write(tableId: number, row: Row): fc.Arbitrary<Step> {
  return fc.boolean().map((isRemoved) => ({ type: 'write', tableId, row, isRemoved }));
}

function applied(tableId: number, row: Row, isRemoved: boolean): RowChange[] {
  return engine.apply([
    { tableId, key: row.id as number, before: undefined, after: isRemoved ? undefined : { ...row } },
  ]);
}

test('[LIV-8] kept up to date or run again, queries show a page the same rows, and equal ones stay the same objects', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      engine.reset();
      const pages = [new Page(engine, true), new Page(engine, false)] as const;
      for (const each of [...steps, { type: 'refresh' } as const]) {
        if (each.type === 'write') {
          for (const change of applied(each.tableId, each.row, each.isRemoved))
            for (const { live } of pages) live.changed(change);
        } else if (each.type === 'touch') {
          applied(1, each.row, false);
          for (const { live } of pages) live.touch(1);
        } else {
          const before = pages[0].rows.map(({ rows }) => rows);
          for (const page of pages) page.refresh();
          for (const [i, kept] of pages[0].rows.entries()) {
            expect(kept.rows).toEqual(pages[1].rows[i]?.rows);
            expectIdentity(before[i] ?? [], kept.rows);
          }
        }
      }
      for (const { live } of pages) live.close();
    }),
    { numRuns: runs },
  );
});

/** Rows that are equal to one of before are it; and a result that is equal is the same array. */
function expectIdentity(before: readonly Row[], after: readonly Row[]): void {
  const text = (row: Row) => JSON.stringify(row);
  const known = new Set(before);
  const texts = before.map(text);
  for (const row of after) {
    const place = texts.indexOf(text(row));
    if (place < 0) continue;
    expect(known.has(row)).toBe(true);
    texts.splice(place, 1);
  }
  if (before.length === after.length && before.every((row, i) => row === after[i])) expect(after).toBe(before);
}

test('[LIV-8] more changes than are followed one by one are read anew', () => {
  engine.reset();
  const page = new Page(engine, true);
  for (let id = 0; id <= limits.liveChangesMax + 5; id++)
    for (const change of applied(1, { id, team: id % 4, score: id }, false)) page.live.changed(change);
  page.refresh();
  expect(page.rows[0]?.rows).toHaveLength(limits.liveChangesMax + 6);
  expect(page.rows[2]?.rows.map((row) => row.score)).toEqual([10_005, 10_004, 10_003]);
  page.live.close();
});

test('[LIV-2] a change that no result shows calls nobody', () => {
  engine.reset();
  const page = new Page(engine, true);
  for (let id = 0; id < 10; id++)
    for (const change of applied(1, { id, team: 1, score: id + 10 }, false)) page.live.changed(change);
  page.refresh();
  page.calls = 0;
  for (const change of applied(2, { id: 1 }, false)) page.live.changed(change);
  page.refresh();
  expect(page.calls).toBe(0);
  page.live.close();
});

test('[LIV-2] a row of a join whose tables changed in what is not selected is the same object, and calls nobody', () => {
  engine.reset();
  const page = new Page(engine, true);
  const write = (tableId: number, row: Row): void => {
    for (const change of applied(tableId, row, false)) page.live.changed(change);
    page.refresh();
  };
  write(0, { id: 1, name: 'a' });
  write(1, { id: 1, team: 1, score: 1 });
  write(1, { id: 2, team: 1, score: 1 });
  const pairs = page.rows[queries.length - 3];
  const before = pairs?.rows ?? [];
  expect(before).toHaveLength(2);
  let calls = 0;
  pairs?.subscribe(() => calls++);
  write(1, { id: 1, team: 1, score: 2 });
  expect([pairs?.rows === before, calls]).toEqual([true, 0]);
  // What has changed is told, and the other row stays.
  write(0, { id: 2, name: 'b' });
  write(1, { id: 2, team: 2, score: 2 });
  expect([pairs?.rows.includes(before[0] as Row), calls]).toEqual([true, 1]);
  page.live.close();
});
