import { afterEach, describe, expect, it } from 'vitest';
import { Home, identityOf } from '../authority/home.testing.ts';
import { t } from '../module/column.ts';
import { defineModule } from '../module/module.ts';
import { schema } from '../module/schema.ts';
import { table } from '../module/table.ts';
import { SessionHub } from './hub.ts';
import { hubOf, Visitor } from './visitor.testing.ts';
import { hallModule } from './views.testing.ts';

const homes: Home[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) home.kill();
});

interface Opened {
  readonly home: Home;
  readonly hub: SessionHub;
  readonly call: (reducer: string, args: object) => void;
}

async function opened(): Promise<Opened> {
  const home = await Home.open(hallModule);
  homes.push(home);
  const writer = home.client(9);
  let callId = 0;
  return { home, hub: hubOf(home), call: (reducer, args) => void home.call(writer, ++callId, reducer, args) };
}

async function visiting(home: Home, hub: SessionHub, number: number, ...queries: string[]): Promise<Visitor> {
  const visitor = new Visitor(home, number);
  visitor.connect(hub);
  visitor.hello({ queries });
  await home.time.settle();
  return visitor;
}

const playerOf = (id: number, who: number, room = 0, score = 0, gone = false) => ({
  id,
  who: identityOf(who),
  room,
  score,
  gone,
});
const noteOf = (id: number, room: number, text: string, more: object = {}) => ({
  id,
  room,
  text,
  broken: false,
  gone: false,
  ...more,
});
const ids = (visitor: Visitor, view: string): unknown[] => visitor.rows(view).map(({ id }) => id);

describe('views at the authority', () => {
  it('[VIW-1] tell an anonymous view alike to all, and compute it once for them', async () => {
    const { home, hub, call } = await opened();
    const [one, two] = [
      await visiting(home, hub, 1, 'SELECT * FROM high'),
      await visiting(home, hub, 2, 'SELECT * FROM high'),
    ];
    expect(hub.views.size).toBe(1);
    call('setPlayer', playerOf(1, 1, 0, 7));
    call('setPlayer', playerOf(2, 1, 0, 3));
    await home.time.settle();
    expect(ids(one, 'high')).toEqual([1]);
    expect(two.rows('high')).toEqual(one.rows('high'));
    call('setPlayer', playerOf(1, 1, 0, 4));
    await home.time.settle();
    expect(ids(two, 'high')).toEqual([]);
  });

  it('[VIW-1] tell each viewer their own rows of a view that is not anonymous', async () => {
    const { home, hub, call } = await opened();
    call('setPlayer', playerOf(1, 1));
    call('setPlayer', playerOf(2, 2));
    const [one, two] = [
      await visiting(home, hub, 1, 'SELECT * FROM mine'),
      await visiting(home, hub, 2, 'SELECT * FROM mine'),
    ];
    expect([ids(one, 'mine'), ids(two, 'mine')]).toEqual([[1], [2]]);
    call('setPlayer', playerOf(1, 2));
    await home.time.settle();
    expect([ids(one, 'mine'), ids(two, 'mine')]).toEqual([[], [1, 2]]);
  });

  it('[VIW-1] go on for the other connections of a viewer when one of them ends', async () => {
    const { home, hub, call } = await opened();
    const [one, two] = [new Visitor(home, 1), new Visitor(home, 2)];
    for (const visitor of [one, two]) {
      visitor.connect(hub);
      // The same identity, on two devices.
      visitor.hello({ token: '1', queries: ['SELECT * FROM my_notes'] });
    }
    await home.time.settle();
    expect(hub.views.size).toBe(1);
    one.hangUp();
    await home.time.settle();
    call('setPlayer', playerOf(1, 1));
    call('setNote', noteOf(1, 0, 'after'));
    await home.time.settle();
    expect(two.rows('myNotes')).toEqual([{ id: 1, line: 'after' }]);
    two.hangUp();
    await home.time.settle();
    expect(hub.views.size).toBe(0);
  });

  it('[VIW-2] tell a change of a row with a primary key as an update, and else as a delete and an insert', async () => {
    const { home, hub, call } = await opened();
    call('setPlayer', playerOf(1, 1));
    call('setNote', noteOf(1, 0, 'old'));
    call('setRoom', { id: 0, isOpen: true, gone: false });
    const visitor = await visiting(home, hub, 1, 'SELECT * FROM my_notes', 'SELECT * FROM tallies');
    const before = visitor.messages.length;
    call('setNote', noteOf(1, 0, 'new'));
    call('setNote', noteOf(2, 0, 'more'));
    await home.time.settle();
    const { tables } = home.authority.definition;
    const told = visitor.messages
      .slice(before)
      .flatMap((message) => (message.type === 'staged' ? message.commits : []))
      .flatMap(({ changes }) => changes)
      .map(({ tableId, after }) => [tables[tableId]?.accessor, after]);
    expect(told).toHaveLength(4);
    expect(told).toContainEqual(['myNotes', { id: 1, line: 'new' }]);
    expect(told).toContainEqual(['myNotes', { id: 2, line: 'more' }]);
    expect(told).toContainEqual(['tallies', undefined]);
    expect(told).toContainEqual(['tallies', { room: 0, notes: 2 }]);
  });

  it('[VIW-2] say nothing when a view is computed anew and has the same rows', async () => {
    const { home, hub, call } = await opened();
    call('setRoom', { id: 0, isOpen: true, gone: false });
    const visitor = await visiting(home, hub, 1, 'SELECT * FROM tallies');
    const before = visitor.frames.length;
    call('setRoom', { id: 0, isOpen: false, gone: false });
    await home.time.settle();
    expect(visitor.frames.length).toBe(before);
  });

  it('[VIW-2] tell an own call in one frame with what it did to views', async () => {
    const { home, hub } = await opened();
    const visitor = await visiting(home, hub, 1, 'SELECT * FROM mine');
    const before = visitor.frames.length;
    visitor.call(1, 'setPlayer', playerOf(1, 1));
    await home.time.settle();
    expect(visitor.frames.length).toBe(before + 1);
    expect(visitor.outcomes).toHaveLength(1);
    expect(ids(visitor, 'mine')).toEqual([1]);
  });

  it('[VIW-1] keep semijoins of views with tables and with each other up to date', async () => {
    const { home, hub, call } = await opened();
    call('setPlayer', playerOf(1, 1));
    const left = 'SELECT my_notes.* FROM my_notes JOIN player ON my_notes.id = player.id';
    const right = 'SELECT player.* FROM my_notes JOIN player ON my_notes.id = player.id';
    const both = 'SELECT mine.* FROM my_notes JOIN mine ON my_notes.id = mine.id';
    const visitor = await visiting(home, hub, 1, left, right, both);
    const held = () => [ids(visitor, 'myNotes'), ids(visitor, 'player'), ids(visitor, 'mine')];
    expect(held()).toEqual([[], [], []]);
    call('setNote', noteOf(1, 0, 'a'));
    call('setNote', noteOf(2, 0, 'b'));
    await home.time.settle();
    expect(held()).toEqual([[1], [1], [1]]);
    call('setPlayer', playerOf(2, 2));
    await home.time.settle();
    expect(held()).toEqual([[1, 2], [1, 2], [1]]);
    call('setNote', noteOf(1, 0, 'a', { gone: true }));
    await home.time.settle();
    expect(held()).toEqual([[2], [2], []]);
  });

  it('[VIW-4] have no rows while they fail, are refused without the text of the error, and come back', async () => {
    const home = await Home.open(hallModule);
    homes.push(home);
    const failed: unknown[] = [];
    const hub = new SessionHub({
      authority: home.authority,
      environment: home.environment,
      authenticate: async (token) => ({ identity: identityOf(Number(token)), token: '' }),
      viewFailed: (view, error) => failed.push([view, (error as Error).message]),
    });
    const writer = home.client(9);
    home.call(writer, 1, 'setPlayer', playerOf(1, 1));
    home.call(writer, 2, 'setNote', noteOf(1, 0, 'a'));
    const visitor = await visiting(home, hub, 1, 'SELECT * FROM my_notes');
    home.call(writer, 3, 'setNote', noteOf(1, 0, 'a', { broken: true }));
    await home.time.settle();
    expect(visitor.rows('myNotes')).toEqual([]);
    expect(failed).toEqual([['my_notes', 'secret-broken']]);
    visitor.say({ type: 'subscribe', subscription: { subscriptionId: 2, queries: ['SELECT * FROM my_notes'] } });
    await home.time.settle();
    const [refused] = visitor.of('subscriptionRefused');
    expect(refused?.message).toContain("the view 'my_notes' failed");
    expect(refused?.message).not.toContain('secret');
    home.call(writer, 4, 'setNote', noteOf(1, 0, 'a'));
    await home.time.settle();
    expect(visitor.rows('myNotes')).toEqual([{ id: 1, line: 'a' }]);
    expect(visitor.error).toBeUndefined();
  });

  it('[VIW-3] can read neither ephemeral nor event tables', async () => {
    const { home, hub } = await opened();
    const visitor = await visiting(home, hub, 1, 'SELECT * FROM blinking');
    expect(visitor.of('subscriptionRefused')).toHaveLength(1);
  });

  it('[VIW-1] are complete again after a reconnection and a restart', async () => {
    const { home, hub, call } = await opened();
    call('setPlayer', playerOf(1, 1));
    const visitor = await visiting(home, hub, 1, 'SELECT * FROM mine');
    visitor.hangUp();
    await home.time.settle();
    call('setPlayer', playerOf(1, 2));
    call('setPlayer', playerOf(2, 1));
    await home.time.settle();
    visitor.connect(hub);
    visitor.hello({ queries: ['SELECT * FROM mine'] });
    await home.time.settle();
    expect(ids(visitor, 'mine')).toEqual([2]);

    const again = await Home.open(hallModule, { time: home.time, log: home.log });
    homes.push(again);
    expect(ids(await visiting(again, hubOf(again), 1, 'SELECT * FROM mine'), 'mine')).toEqual([2]);
  });

  it('[VIW-1] are those of new code of the module from the next batch on', async () => {
    const item = table({ public: true }, { id: t.u32().primaryKey(), size: t.u32() });
    const shop = schema({ item });
    const add = shop.reducer({ id: t.u32(), size: t.u32() }, (ctx, row) => {
      ctx.db.item.insert(row);
    });
    const above = (size: number) =>
      shop.anonymousView({ public: true }, t.array(item.rowType), (ctx) => ctx.from.item.where((i) => i.size.gt(size)));
    const home = await Home.open({ default: shop, add, large: above(5) });
    homes.push(home);
    const visitor = await visiting(home, hubOf(home), 1, 'SELECT * FROM large');
    home.call(home.client(9), 1, 'add', { id: 1, size: 4 });
    home.call(home.client(9), 2, 'add', { id: 2, size: 6 });
    await home.time.settle();
    expect(ids(visitor, 'large')).toEqual([2]);
    home.authority.adopt(defineModule({ default: shop, add, large: above(3) }));
    home.call(home.client(9), 3, 'add', { id: 3, size: 1 });
    await home.time.settle();
    expect(ids(visitor, 'large')).toEqual([1, 2]);
    home.call(home.client(9), 4, 'add', { id: 4, size: 4 });
    await home.time.settle();
    expect(ids(visitor, 'large')).toEqual([1, 2, 4]);
  });

  it('[VIW-1] tell nothing that is taken back because the log fails', async () => {
    const { home, hub, call } = await opened();
    const visitor = await visiting(home, hub, 1, 'SELECT * FROM mine');
    home.log.isBroken = true;
    call('setPlayer', playerOf(1, 1));
    await home.time.settle();
    expect(visitor.isClosed).toBe(true);
    expect(ids(visitor, 'mine')).toEqual([]);
    expect(hub.views.size).toBe(0);
    home.log.isBroken = false;
    await home.time.advance(2_000);
    expect(ids(await visiting(home, hub, 1, 'SELECT * FROM mine'), 'mine')).toEqual([]);
  });
});

describe('what a view may return', () => {
  const item = table({ public: true }, { id: t.u32().primaryKey(), size: t.u32() });
  const shop = schema({ item });
  const add = shop.reducer({ id: t.u32() }, (ctx, { id }) => {
    ctx.db.item.insert({ id, size: 0 });
  });
  const refusalOf = async (view: object): Promise<string> => {
    const home = await Home.open({ default: shop, add, view } as never);
    homes.push(home);
    home.call(home.client(9), 1, 'add', { id: 1 });
    const errors: unknown[] = [];
    const hub = new SessionHub({
      authority: home.authority,
      environment: home.environment,
      authenticate: async (token) => ({ identity: identityOf(Number(token)), token: '' }),
      viewFailed: (_, error) => errors.push(error),
    });
    const visitor = await visiting(home, hub, 1, 'SELECT * FROM view_');
    expect(visitor.of('subscriptionRefused')).toHaveLength(1);
    expect(visitor.isClosed).toBe(false);
    return (errors[0] as Error).message;
  };
  const options = { name: 'view_', public: true } as const;
  const rows = t.array(item.rowType);

  it('[VIW-4] refuses two rows of one key, what is no array, rows of another type, and writing', async () => {
    const twice = shop.anonymousView(options, rows, () => [
      { id: 1, size: 1 },
      { id: 1, size: 2 },
    ]);
    expect(await refusalOf(twice)).toContain('two rows with the primary key 1');
    expect(await refusalOf(shop.anonymousView(options, rows, () => ({}) as never))).toContain('no array');
    expect(await refusalOf(shop.anonymousView(options, rows, () => [{ id: 1 }] as never))).toContain('size');
    const writes = shop.anonymousView(options, rows, (ctx) => {
      (ctx.db.item as unknown as { insert: (row: object) => void }).insert({ id: 9, size: 0 });
      return [];
    });
    expect(await refusalOf(writes)).toContain('insert is not a function');
  });

  it('[VIW-4] refuses a query with an order or a limit, and says where to have them', async () => {
    const ordered = shop.anonymousView(options, rows, (ctx) => ctx.from.item.limit(1));
    expect(await refusalOf(ordered)).toContain('live(client.tables');
  });

  it('[VIW-5] makes a view a public table of the definition that reducers do not have, and part of its hash', async () => {
    const small = shop.anonymousView({ public: true }, rows, (ctx) => ctx.from.item.where((i) => i.size.lt(5)));
    const definition = defineModule({ default: shop, add, small });
    const other = shop.anonymousView({ public: true }, rows, (ctx) => ctx.from.item.where((i) => i.size.lt(6)));
    expect(definition.tables.map(({ accessor, public: isPublic }) => [accessor, isPublic])).toEqual([
      ['item', true],
      ['small', true],
    ]);
    expect(defineModule({ default: shop, add, small: other }).hash).toBe(definition.hash);
    expect(defineModule({ default: shop, add, little: small }).hash).not.toBe(definition.hash);
    expect(() => defineModule({ default: shop, add, item: small })).toThrow(/item/);
  });
});
