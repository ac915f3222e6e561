/** Event tables as an app meets them: each event once, as an insert, and nothing kept. */

import { schema, SenderError, t, table } from 'forerun';
import { describe, expect, test } from 'vitest';
import { Home, TestTime } from '../core/authority/home.testing.ts';
import type { Client } from './client/client.ts';
import { Desk } from './desk.testing.ts';

const hit = table({ public: true, event: true }, { target: t.u32(), damage: t.u32() });
const life = table({ public: true }, { id: t.u32().primaryKey(), left: t.u32() });
const arena = schema({ hit, life });
const strike = arena.reducer({ target: t.u32(), damage: t.u32() }, (ctx, { target, damage }) => {
  if (damage === 0) throw new SenderError('missed');
  const known = ctx.db.life.id.find(target);
  const left = Math.max(0, (known?.left ?? 100) - damage);
  if (known) ctx.db.life.id.update({ ...known, left });
  else ctx.db.life.insert({ id: target, left });
  ctx.db.hit.insert({ target, damage });
});
/** What it emits depends on rows that others change. */
const report = arena.reducer({ target: t.u32() }, (ctx, { target }) => {
  ctx.db.hit.insert({ target, damage: ctx.db.life.id.find(target)?.left ?? 0 });
});
const guarded = arena.reducer({ target: t.u32() }, (ctx, { target }) => {
  if ((ctx.db.life.id.find(target)?.left ?? 100) < 50) throw new SenderError('too weak');
  ctx.db.hit.insert({ target, damage: 7 });
});
const module = { default: arena, strike, report, guarded };
type ArenaClient = Client<typeof module>;

async function open() {
  const time = new TestTime();
  const desk = new Desk(time, await Home.open(module, { time }));
  const seat = async (latencyMs = 0) => {
    const { client } = await desk.seat({ module });
    const arenaClient = client as unknown as ArenaClient;
    if (latencyMs > 0) arenaClient.simulate({ latencyMs });
    const told: string[] = [];
    arenaClient.tables.hit.onInsert((row) => told.push(`${row.target}:${row.damage}`));
    arenaClient.tables.hit.onUpdate(() => told.push('update'));
    arenaClient.tables.hit.onDelete(() => told.push('delete'));
    return { client: arenaClient, told };
  };
  return { desk, seat };
}

describe('events', () => {
  test('[EVT-1] reach everyone once each, equal ones in one message included, and are kept nowhere', async () => {
    const { desk, seat } = await open();
    const [one, two] = [await seat(40), await seat()];
    const live = two.client.live('SELECT * FROM hit');
    desk.home.log.isHeld = true;
    for (let i = 0; i < 3; i++) one.client.reducers.strike({ target: 1, damage: 5 });
    one.client.reducers.strike({ target: 2, damage: 6 });
    expect(one.told).toEqual(['1:5', '1:5', '1:5', '2:6']);
    await desk.time.advance(100);
    desk.home.log.isHeld = false;
    desk.home.log.letGo();
    await desk.time.advance(200);
    expect(one.told).toEqual(['1:5', '1:5', '1:5', '2:6']);
    expect([...two.told].sort()).toEqual(['1:5', '1:5', '1:5', '2:6']);
    expect([live.rows, desk.home.rows('hit')]).toEqual([[], []]);
    expect(desk.home.rows('life')).toEqual([
      { id: 1, left: 85 },
      { id: 2, left: 94 },
    ]);
  });

  test('[EVT-2] of a call that is run again are told of again only when they are others', async () => {
    const { desk, seat } = await open();
    const [one, two] = [await seat(100), await seat()];
    two.client.reducers.strike({ target: 1, damage: 10 });
    await desk.time.advance(300);
    one.told.length = 0;
    one.client.reducers.report({ target: 1 });
    one.client.reducers.strike({ target: 1, damage: 1 });
    two.client.reducers.strike({ target: 1, damage: 20 });
    await desk.time.advance(500);
    // 90 was predicted, 70 is what happened; the own strike is told of once, though it ran twice.
    expect([...one.told].sort()).toEqual(['1:1', '1:20', '1:70', '1:90']);
    expect(two.told.filter((each) => each === '1:70')).toHaveLength(1);
  });

  test('[EVT-2] of a call that is rejected are not taken back, and a prediction that throws tells of none', async () => {
    const { desk, seat } = await open();
    const [one, two] = [await seat(100), await seat()];
    two.client.reducers.strike({ target: 1, damage: 60 });
    const call = one.client.reducers.guarded({ target: 1 });
    one.client.reducers.strike({ target: 3, damage: 0 });
    expect(one.told).toEqual(['1:7']);
    await desk.time.advance(500);
    expect(call.state).toBe('rejected');
    expect(one.told).toEqual(['1:7', '1:60']);
    expect(two.told).toEqual(['1:60']);
  });
});
