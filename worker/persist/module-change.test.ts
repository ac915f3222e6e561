/** A client that starts with another module than the one it kept its calls with. */

import { schema, t, table } from 'forerun';
import { describe, expect, test } from 'vitest';
import { Home, type TestLog, TestTime } from '../../core/authority/home.testing.ts';
import { defineModule, type ModuleExports } from '../../core/module/module.ts';
import { memoryTransport, type Transport } from '../../core/protocol/transport.ts';
import { SessionHub } from '../../core/session/hub.ts';
import { Identity } from '../../core/value/identity.ts';
import { ClientState } from '../client/client.ts';
import type { ModuleReview, UnsentCall } from '../client/module-review.ts';
import type { ClientStatus } from '../client/host-api.ts';
import { Host } from '../host.ts';
import { type ClientStore, memoryStore } from './store.ts';
import { provideAllCode } from '../all-code.ts';

provideAllCode();

function older(): ModuleExports {
  const item = table({ name: 'item', public: true }, { id: t.u32().primaryKey(), text: t.string() });
  const desk = schema({ item });
  return {
    default: desk,
    put: desk.reducer({ id: t.u32(), text: t.string() }, (ctx, row) => void ctx.db.item.insert(row)),
    label: desk.reducer({ id: t.u32(), label: t.string() }, (ctx, { id, label }) => {
      ctx.db.item.id.update({ id, text: label });
    }),
    drop: desk.reducer({ id: t.u32() }, (ctx, { id }) => void ctx.db.item.id.delete(id)),
  };
}

/** `put` takes one thing more, `label` another one, `drop` is gone, and there is another table. */
function newer({ wide = false }: { readonly wide?: boolean } = {}): ModuleExports {
  const extra = table({ name: 'extra', public: true }, { id: t.u32().primaryKey() });
  const item = table(
    { name: 'item', public: true },
    wide
      ? { id: t.u32().primaryKey(), text: t.string(), more: t.string() }
      : { id: t.u32().primaryKey(), text: t.string() },
  );
  const desk = schema({ extra, item });
  return {
    default: desk,
    aFirst: desk.reducer(() => {}),
    put: desk.reducer({ id: t.u32(), text: t.string(), note: t.string().optional() }, (ctx, { id, text }) => {
      if (text === 'forbidden') throw new Error('not any more');
      ctx.db.item.insert((wide ? { id, text, more: '' } : { id, text }) as never);
    }),
    label: desk.reducer({ id: t.u32(), label: t.u64() }, () => {}),
  };
}

class World {
  readonly time: TestTime;
  readonly home: Home;
  readonly hub: SessionHub;

  private constructor(time: TestTime, home: Home) {
    this.time = time;
    this.home = home;
    this.hub = new SessionHub({
      authority: home.authority,
      environment: time.environment,
      authenticate: async (token) => ({ identity: new Identity(7n), token: token === '' ? 'me' : '' }),
    });
  }

  static async open(module: ModuleExports, time: TestTime = new TestTime(), log?: TestLog): Promise<World> {
    return new World(time, await Home.open(module, { time, ...(log && { log }) }));
  }
}

interface Seat {
  readonly client: ClientState;
  readonly unsent: UnsentCall[][];
  readonly reviews: ModuleReview[];
  /** As if the process were gone. */
  readonly kill: () => void;
}

/** `world`: absent when nobody can be reached. */
async function seat(
  time: TestTime,
  module: ModuleExports,
  store: ClientStore,
  world: World | undefined,
  { reviews: wantsReview = false }: { readonly reviews?: boolean } = {},
): Promise<Seat> {
  let isAlive = true;
  let last: Transport | undefined;
  const host = new Host({
    definition: defineModule(module),
    environment: time.environmentOf(() => isAlive),
    openStore: async () => store,
    connect: (_, events): Transport => {
      if (world === undefined) {
        time.environment.scheduler.soon(() => events.closed());
        return { send: () => {}, close: () => {}, bufferedBytes: () => 0 };
      }
      let near: Transport | undefined;
      world.hub.accept((far) => {
        const pair = memoryTransport(time.environment.scheduler, events, far);
        near = pair.near;
        return pair.far;
      });
      time.environment.scheduler.soon(() => events.opened());
      last = near;
      return near as Transport;
    },
  }).page();
  const client = new ClientState(defineModule(module), host, () => {});
  const [unsent, reviews]: [UnsentCall[][], ModuleReview[]] = [[], []];
  client.onUnsent((calls) => unsent.push([...calls]));
  if (wantsReview) client.onModuleChanged((review) => reviews.push(review));
  await host.open(
    { url: '', replica: 'desk', storage: 'device', pageId: '', token: undefined, guard: true, subscribe: 'all' },
    client.receive,
  );
  await time.advance(1_000);
  const kill = (): void => {
    isAlive = false;
    last?.close();
  };
  return { client, unsent, reviews, kill };
}

const items = (client: ClientState): readonly unknown[] => client.live('SELECT id, text FROM item ORDER BY id').rows;

/** Rows that are confirmed, and calls that nobody has heard of. */
async function left(time: TestTime, calls: (client: ClientState) => void): Promise<ClientStore> {
  const store = memoryStore();
  const first = await seat(time, older(), store, await World.open(older(), time));
  first.client.reducers['put']?.({ id: 1, text: 'one' });
  await time.advance(1_000);
  await first.client.close();
  const second = await seat(time, older(), store, undefined);
  calls(second.client);
  await time.advance(1_000);
  await second.client.close();
  return store;
}

describe('a client whose module is another one', () => {
  test('[MCH-1] than the one that the authority runs is stale, shows its rows, and keeps its calls', async () => {
    const time = new TestTime();
    const store = await left(time, () => {});
    const world = await World.open(newer(), time);
    const { client } = await seat(time, older(), store, world);
    expect(client.status).toMatchObject({ type: 'stale', ready: true });
    const { message } = client.status as Extract<ClientStatus, { type: 'stale' }>;
    expect(message).toContain("reducer 'drop' is gone");
    expect(message).toContain("parameter 'label' of reducer 'label' was string and is u64");
    expect(message).toContain("parameter 'note' of reducer 'put' is new");
    expect(items(client)).toEqual([{ id: 1, text: 'one' }]);
    const call = client.reducers['put']?.({ id: 2, text: 'two' });
    await time.advance(1_000);
    expect(call?.state).toBe('stored');
    await client.close();
    const again = await seat(time, newer(), store, world);
    expect(again.client.status).toMatchObject({ type: 'live', pending: 0 });
    expect(world.home.rows('item')).toEqual([{ id: 2, text: 'two' }]);
    expect(items(again.client)).toEqual([{ id: 2, text: 'two' }]);
  });

  test('[MCH-2] than before sends the calls that it still takes, and hands the others to the app until they are dismissed', async () => {
    const time = new TestTime();
    const store = await left(time, ({ reducers }) => {
      reducers['put']?.({ id: 2, text: 'two' });
      reducers['label']?.({ id: 2, label: 'called two' });
      reducers['drop']?.({ id: 1 });
    });
    const world = await World.open(newer(), time);
    const { client, unsent } = await seat(time, newer(), store, world);
    expect(world.home.rows('item')).toEqual([{ id: 2, text: 'two' }]);
    expect(unsent.at(-1)).toMatchObject([
      { reducer: 'label', args: { id: 2, label: 'called two' }, reason: expect.stringContaining('label') },
      { reducer: 'drop', args: { id: 1 }, reason: expect.stringContaining("no reducer 'drop'") },
    ]);
    await client.close();
    const again = await seat(time, newer(), store, world);
    expect(again.unsent.at(-1)).toHaveLength(2);
    again.unsent.at(-1)?.[0]?.dismiss();
    await time.advance(1_000);
    expect(again.unsent.at(-1)).toMatchObject([{ reducer: 'drop' }]);
    await again.client.close();
    const third = await seat(time, newer(), store, world);
    expect(third.unsent.at(-1)).toMatchObject([{ reducer: 'drop' }]);
  });

  test('[MCH-3] than before shows the app what each call does now, and sends those that it does not discard', async () => {
    const time = new TestTime();
    const store = await left(time, ({ reducers }) => {
      reducers['put']?.({ id: 2, text: 'two' });
      reducers['put']?.({ id: 3, text: 'forbidden' });
      reducers['put']?.({ id: 4, text: 'four' });
    });
    const world = await World.open(newer(), time);
    const { client, reviews } = await seat(time, newer(), store, world, { reviews: true });
    expect(world.home.rows('item')).toEqual([]);
    const [review] = reviews;
    expect(review?.calls.map(({ prediction }) => prediction?.type)).toEqual(['predicted', 'failing', 'predicted']);
    review?.send({ discard: review.calls.filter(({ prediction }) => prediction?.type === 'failing') });
    await time.advance(1_000);
    expect(review?.calls.map(({ state }) => state)).toEqual(['confirmed', 'rejected', 'confirmed']);
    expect(world.home.rows('item')).toEqual([
      { id: 2, text: 'two' },
      { id: 4, text: 'four' },
    ]);
    expect(client.status).toMatchObject({ pending: 0 });
  });

  test('[MCH-4] than before shows the rows that it has while their tables are the same, and none that have changed', async () => {
    const time = new TestTime();
    const store = await left(time, ({ reducers }) => reducers['put']?.({ id: 2, text: 'two' }));
    const same = await seat(time, newer(), store, undefined);
    expect(items(same.client)).toEqual([
      { id: 1, text: 'one' },
      { id: 2, text: 'two' },
    ]);
    await same.client.close();
    const wide = await seat(time, newer({ wide: true }), store, undefined);
    expect(wide.client.status).toMatchObject({ ready: false, pending: 1 });
    const world = await World.open(newer({ wide: true }), time);
    await wide.client.close();
    await seat(time, newer({ wide: true }), store, world);
    expect(world.home.rows('item')).toEqual([{ id: 2, text: 'two', more: '' }]);
  });

  test('[MCH-3] than before asks again after a reload in the middle of the review, and not when it was answered', async () => {
    const time = new TestTime();
    const store = await left(time, ({ reducers }) => {
      reducers['put']?.({ id: 2, text: 'two' });
      reducers['put']?.({ id: 3, text: 'three' });
    });
    const world = await World.open(newer(), time);
    const first = await seat(time, newer(), store, world, { reviews: true });
    expect(first.reviews).toHaveLength(1);
    first.kill();
    const second = await seat(time, newer(), store, undefined, { reviews: true });
    expect(second.reviews).toHaveLength(1);
    second.reviews[0]?.send({ discard: second.reviews[0].calls.slice(0, 1) });
    await time.advance(1_000);
    second.kill();
    const third = await seat(time, newer(), store, world, { reviews: true });
    expect(third.reviews).toHaveLength(0);
    expect(world.home.rows('item')).toEqual([{ id: 3, text: 'three' }]);
  });

  describe('tells a call that the authority has run, and whose answer was lost,', () => {
    /** Of the tables of `older`, without `drop`. */
    const without = (): ModuleExports => {
      const { default: desk, put, label } = older() as Record<string, unknown> & ModuleExports;
      return { default: desk, put, label } as ModuleExports;
    };

    /** Two calls, of which the first one was run. */
    async function answerLost(time: TestTime, name: string): Promise<{ store: ClientStore; world: World }> {
      const store = memoryStore();
      const world = await World.open(older(), time);
      const first = await seat(time, older(), store, world);
      first.client.reducers['put']?.({ id: 1, text: 'one' });
      await time.advance(1_000);
      first.client.reducers[name]?.({ id: 1, text: 'x', label: 'x' });
      await time.advance(20);
      first.kill();
      const again = await seat(time, older(), store, undefined);
      again.client.reducers[name]?.({ id: 2, text: 'y', label: 'y' });
      await time.advance(1_000);
      again.kill();
      return { store, world: await World.open(without(), time, world.home.log) };
    }

    test('[MCH-2] not as one that was not sent', async () => {
      const time = new TestTime();
      const { store, world } = await answerLost(time, 'drop');
      expect(world.home.rows('item')).toEqual([]);
      const offline = await seat(time, without(), store, undefined);
      // The second one was made without a connection, so that it was sent by nobody.
      expect(offline.unsent.at(-1)?.map(({ sent }) => sent)).toEqual(['maybe', 'no']);
      offline.kill();
      const online = await seat(time, without(), store, world);
      expect(online.unsent.at(-1)?.map(({ sent }) => sent)).toEqual(['answered', 'no']);
      const call = online.client.reducers['put']?.({ id: 4, text: 'four' });
      await time.advance(1_000);
      expect(call?.state).toBe('confirmed');
      await online.client.close();
      const later = await seat(time, without(), store, world);
      expect(later.unsent.at(-1)?.map(({ sent }) => sent)).toEqual(['answered', 'no']);
    });

    test('[MCH-3] not as discarded', async () => {
      const time = new TestTime();
      const { store, world } = await answerLost(time, 'label');
      const offline = await seat(time, without(), store, undefined, { reviews: true });
      const calls = offline.reviews[0]?.calls ?? [];
      offline.reviews[0]?.send({ discard: calls });
      await time.advance(1_000);
      expect(calls.map(({ state }) => state)).toEqual(['stored', 'rejected']);
      offline.kill();
      // What becomes of the first one was not known yet, so that it is asked again.
      const online = await seat(time, without(), store, world, { reviews: true });
      const again = online.reviews[0]?.calls ?? [];
      expect(again).toHaveLength(1);
      online.reviews[0]?.send({ discard: again });
      await time.advance(1_000);
      expect(again.map(({ state }) => state)).toEqual(['confirmed']);
      expect(online.client.status.pending).toBe(0);
      expect(world.home.rows('item')).toEqual([{ id: 1, text: 'x' }]);
    });
  });
});
