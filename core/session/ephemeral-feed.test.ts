import { afterEach, describe, expect, it } from 'vitest';
import { Home, identityOf } from '../authority/home.testing.ts';
import * as plaza from '../authority/plaza.testing.ts';
import { limits } from '../limits.ts';
import { t } from '../module/column.ts';
import type { ModuleExports } from '../module/module.ts';
import { schema } from '../module/schema.ts';
import { table } from '../module/table.ts';
import type { EphemeralMessage } from '../protocol/messages.ts';
import type { SessionHub } from './hub.ts';
import { SlowVisitor } from './slow-visitor.testing.ts';
import { hubOf, Visitor } from './visitor.testing.ts';

const homes: Home[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) home.kill();
});

async function open(): Promise<{ home: Home; hub: SessionHub; visit: (number: number) => Promise<Visitor> }> {
  const home = await Home.open(plaza);
  homes.push(home);
  const hub = hubOf(home);
  const visit = async (number: number): Promise<Visitor> => {
    const visitor = new Visitor(home, number);
    visitor.connect(hub);
    visitor.hello({ queries: ['SELECT * FROM cursor', 'SELECT * FROM ball', 'SELECT * FROM mark'] });
    await home.time.advance(5);
    return visitor;
  };
  return { home, hub, visit };
}

const xs = (visitor: Visitor, accessor: string) =>
  visitor
    .rows(accessor)
    .map((row) => Number(row['x']))
    .sort((a, b) => a - b);
const sends = (visitor: Visitor) => visitor.of('ephemeral').filter(({ callId }) => callId === undefined);
const own = (visitor: Visitor) => visitor.of('ephemeral').filter(({ callId }) => callId !== undefined);
const values = ({ changes }: EphemeralMessage) => changes.map(({ after }) => after?.['x']);

const typing = table(
  { public: true, ephemeral: { sendsPerSecondMax: 1 } },
  { key: t.string().primaryKey(), owner: t.identity(), n: t.u32() },
);
const desk = schema({ typing });
const type = desk.reducer({ key: t.string(), owner: t.u32(), n: t.u32() }, ({ db }, { key, owner, n }) => {
  const row = { key, owner: identityOf(owner), n };
  if (db.typing.key.find(key)) db.typing.key.update(row);
  else db.typing.insert(row);
});
const untype = desk.reducer({ key: t.string() }, ({ db }, { key }) => void db.typing.key.delete(key));
const ownTyping = desk.clientVisibilityFilter.sql('SELECT * FROM typing WHERE owner = :sender');

async function openDesk(exports: ModuleExports): Promise<{ home: Home; visit: (number: number) => Promise<Visitor> }> {
  const home = await Home.open(exports);
  homes.push(home);
  const hub = hubOf(home);
  const visit = async (number: number): Promise<Visitor> => {
    const visitor = new Visitor(home, number);
    visitor.connect(hub);
    visitor.hello({ queries: ['SELECT * FROM typing WHERE n < 100'] });
    await home.time.advance(5);
    return visitor;
  };
  return { home, visit };
}
const keysIn = ({ frames }: Visitor) => frames.some((frame) => Buffer.from(frame).includes('key-of-one'));

describe('the feed of ephemeral rows', () => {
  it('[EPH-7] sends others the newest row of each key at the rate of its table, and the first one at once', async () => {
    const { home, visit } = await open();
    const [writer, reader] = [await visit(1), await visit(2)];
    const timersAtRest = home.time.timerCount;
    for (let callId = 1; callId <= 100; callId++) {
      writer.call(callId, 'aim', { x: callId, y: 0 });
      await home.time.advance(10);
      if (callId === 1) expect(xs(reader, 'cursor')).toEqual([1]);
    }
    await home.time.advance(100);
    expect(xs(reader, 'cursor')).toEqual([100]);
    // One second at thirty a second.
    expect(sends(reader).length).toBeGreaterThanOrEqual(28);
    expect(sends(reader).length).toBeLessThanOrEqual(32);
    for (const send of sends(reader)) expect(send.changes).toHaveLength(1);
    expect(home.time.timerCount).toBe(timersAtRest);
  });

  it('[EPH-7] keeps the rates of two tables apart', async () => {
    const { home, visit } = await open();
    const [writer, reader] = [await visit(1), await visit(2)];
    let callId = 0;
    for (let i = 0; i < 200; i++) {
      writer.call(++callId, 'aim', { x: i, y: 0 });
      writer.call(++callId, 'toss', { id: 1, x: i });
      await home.time.advance(10);
    }
    await home.time.advance(200);
    expect([xs(reader, 'cursor'), xs(reader, 'ball')]).toEqual([[199], [199]]);
    const of = (tableId: number) =>
      sends(reader).filter(({ changes }) => changes.some((each) => each.tableId === tableId));
    expect(of(0).length).toBeGreaterThan(55);
    expect(of(0).length).toBeLessThan(65);
    expect(of(1).length).toBeGreaterThan(18);
    expect(of(1).length).toBeLessThan(24);
  });

  it('[EPH-8] tells the caller exactly and at once what each of its calls did, ahead of the outcome', async () => {
    const { home, visit } = await open();
    const writer = await visit(1);
    for (let callId = 1; callId <= 5; callId++) writer.call(callId, 'aim', { x: callId, y: 0 });
    writer.call(6, 'stamp', { id: 1 });
    await home.time.settle();
    expect(own(writer).map((message) => [message.callId, ...values(message)])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
      [4, 4],
      [5, 5],
      [6, 6],
    ]);
    const answer = writer.messages.findIndex((message) => message.type === 'batch' && message.outcomes.length > 0);
    expect(writer.messages.slice(answer - 6, answer)).toEqual(own(writer));
    expect(writer.outcomes.map(({ type }) => type)).toEqual([
      ...Array.from({ length: 5 }, () => 'unchanged'),
      'committed',
    ]);
  });

  it('[EPH-3] tells the end of a connection within a second', async () => {
    const { home, visit } = await open();
    const [writer, reader] = [await visit(1), await visit(2)];
    for (let callId = 1; callId <= 3; callId++) writer.call(callId, 'toss', { id: callId, x: callId });
    await home.time.advance(100);
    expect(xs(reader, 'ball')).toEqual([1, 2, 3]);
    writer.hangUp();
    await home.time.advance(200);
    expect(xs(reader, 'ball')).toEqual([]);
  });

  it('[EPH-9] sends who comes back all the rows there are, as a newcomer gets them', async () => {
    const { home, hub, visit } = await open();
    const [one, two, three] = [await visit(1), await visit(2), await visit(3)];
    one.call(1, 'aim', { x: 1, y: 0 });
    two.call(1, 'aim', { x: 2, y: 0 });
    await home.time.advance(100);
    expect(xs(three, 'cursor')).toEqual([1, 2]);
    three.hangUp();
    await home.time.advance(10);
    one.hangUp();
    two.call(2, 'aim', { x: 5, y: 0 });
    await home.time.advance(100);
    three.connect(hub);
    three.hello({ queries: ['SELECT * FROM cursor', 'SELECT * FROM ball', 'SELECT * FROM mark'] });
    await home.time.advance(5);
    expect(three.welcome?.resumed).toBe(true);
    expect(xs(three, 'cursor')).toEqual([5]);
    expect(xs(await visit(4), 'cursor')).toEqual([5]);
  });

  it('[EPH-9] sends nothing to a reader who is too slow, and then all rows there are', async () => {
    const { home, hub, visit } = await open();
    const writer = await visit(1);
    const slow = new Visitor(home, 2);
    let waiting = 0;
    hub.accept((events) => {
      slow.attach({ send: (bytes) => events.receive(bytes), close: () => events.closed(), bufferedBytes: () => 0 });
      return { send: (bytes) => slow.receive(bytes), close: () => slow.closed(), bufferedBytes: () => waiting };
    });
    slow.hello({ queries: ['SELECT * FROM cursor', 'SELECT * FROM ball'] });
    writer.call(1, 'toss', { id: 1, x: 1 });
    writer.call(2, 'toss', { id: 2, x: 2 });
    await home.time.advance(200);
    expect(xs(slow, 'ball')).toEqual([1, 2]);
    const timersAtRest = home.time.timerCount;
    waiting = limits.ephemeralBufferedBytesMax + 1;
    const before = slow.messages.length;
    let callId = 2;
    for (let i = 0; i < 50; i++) {
      writer.call(++callId, 'toss', { id: 1, x: 100 + i });
      await home.time.advance(20);
    }
    writer.call(++callId, 'aim', { x: 8, y: 0 });
    await home.time.advance(1_000);
    expect(slow.messages).toHaveLength(before);
    waiting = 0;
    await home.time.advance(200);
    expect([xs(slow, 'ball'), xs(slow, 'cursor')]).toEqual([[2, 149], [8]]);
    expect(slow.messages).toHaveLength(before + 1);
    expect(home.time.timerCount).toBe(timersAtRest);
  });

  it('[EPH-9] sends who comes back all the rows there are when what it has missed is on its way', async () => {
    const { home, hub, visit } = await open();
    const writer = await visit(1);
    writer.call(1, 'aim', { x: 1, y: 0 });
    const back = new SlowVisitor(home, 2);
    back.connect(hub);
    back.hello({ queries: ['SELECT * FROM cursor', 'SELECT * FROM mark'] });
    await home.time.advance(100);
    expect(xs(back, 'cursor')).toEqual([1]);
    back.hangUp();
    await home.time.advance(10);
    for (let callId = 2; callId < 20; callId++) writer.call(callId, 'stamp', { id: callId });
    writer.call(20, 'aim', { x: 2, y: 0 });
    await home.time.advance(100);
    back.reads = false;
    back.connect(hub);
    back.pad(limits.ephemeralBufferedBytesMax + 1);
    back.hello({ queries: ['SELECT * FROM cursor', 'SELECT * FROM mark'] });
    await home.time.advance(300);
    back.reads = true;
    back.read();
    await home.time.advance(300);
    expect(back.welcome?.resumed).toBe(true);
    expect(xs(back, 'cursor')).toEqual([2]);
  });

  it('[EPH-9] sends a subscription’s rows as they are at its end when its reader is fast enough again', async () => {
    const { home, hub, visit } = await open();
    await visit(1);
    const slow = new Visitor(home, 2);
    let waiting = 0;
    hub.accept((events) => {
      slow.attach({ send: (bytes) => events.receive(bytes), close: () => events.closed(), bufferedBytes: () => 0 });
      return { send: (bytes) => slow.receive(bytes), close: () => slow.closed(), bufferedBytes: () => waiting };
    });
    slow.hello({ queries: ['SELECT * FROM ball'] });
    await home.time.advance(200);
    const before = slow.of('ephemeral').length;
    const timersAtRest = home.time.timerCount;
    waiting = limits.ephemeralBufferedBytesMax + 1;
    slow.say({ type: 'subscribe', subscription: { subscriptionId: 7, queries: ['SELECT * FROM cursor'] } });
    await home.time.advance(500);
    expect(slow.of('applied').map(({ subscriptionId }) => subscriptionId)).toContain(7);
    expect(slow.of('ephemeral')).toHaveLength(before);
    waiting = 0;
    await home.time.advance(200);
    expect(slow.of('ephemeral').slice(before)).toMatchObject([
      { completeTables: [expect.any(Number), expect.any(Number)] },
    ]);
    expect(home.time.timerCount).toBe(timersAtRest);
  });

  it('[EPH-4] sends nothing of before a failure of the log to those who come after it', async () => {
    const { home, hub, visit } = await open();
    const writer = await visit(1);
    writer.call(1, 'post', { id: 1, x: 1 });
    await home.time.advance(10);
    // Within ten seconds of the first send, so that it waits.
    writer.call(2, 'post', { id: 1, x: 2 });
    await home.time.advance(10);
    home.log.isBroken = true;
    writer.call(3, 'plant', { id: 1, x: 1 });
    await home.time.advance(100);
    expect(writer.error).toMatchObject({ code: 'log-unavailable' });
    home.log.isBroken = false;
    await home.time.advance(2_000);
    const after = new Visitor(home, 2);
    after.connect(hub);
    after.hello({ queries: ['SELECT * FROM rare'] });
    await home.time.advance(20_000);
    expect(home.rows('rare')).toEqual([]);
    expect([after.welcome !== undefined, xs(after, 'rare')]).toEqual([true, []]);
  });

  it('[EPH-7] does not lose a deletion of a row that only a snapshot has shown', async () => {
    const { home, visit } = await open();
    const writer = await visit(1);
    writer.call(1, 'aim', { x: 1, y: 0 });
    await home.time.advance(1);
    writer.call(2, 'toss', { id: 1, x: 1 });
    await home.time.advance(1);
    // The ball is new and not sent yet; a newcomer's snapshot holds it, and it goes before it was sent.
    const [reader] = [await visit(2)];
    expect(xs(reader, 'ball')).toEqual([1]);
    writer.hangUp();
    await home.time.advance(500);
    expect([xs(reader, 'ball'), xs(reader, 'cursor')]).toEqual([[], []]);
  });

  it.each([
    ['a visibility filter', { default: desk, type, untype, ownTyping }, { owner: 1, n: 1 }],
    ['its own query', { default: desk, type, untype }, { owner: 1, n: 100 }],
  ])('[EPH-13] tells nobody the keys of rows that %s hides', async (_, exports, row) => {
    const { home, visit } = await openDesk(exports);
    const [writer, reader] = [await visit(1), await visit(2)];
    writer.call(1, 'type', { key: 'key-of-one', ...row });
    await home.time.advance(2_000);
    writer.call(2, 'type', { key: 'key-of-one', ...row });
    await home.time.advance(2_000);
    writer.call(3, 'untype', { key: 'key-of-one' });
    writer.call(4, 'type', { key: 'key-of-one', ...row });
    writer.call(5, 'untype', { key: 'key-of-one' });
    await home.time.advance(2_000);
    expect([keysIn(writer), keysIn(reader)]).toEqual([row.n < 100, false]);
    expect(reader.of('ephemeral').flatMap(({ changes }) => changes)).toEqual([]);
  });

  it('[EPH-13] takes back a row that only a snapshot between two sends has shown, from those whom it showed it to', async () => {
    const { home, visit } = await openDesk({ default: desk, type, untype, ownTyping });
    const writer = await visit(1);
    writer.call(1, 'type', { key: 'first', owner: 1, n: 1 });
    await home.time.advance(10);
    // Not sent yet: it is two's when two comes, and is not when it is sent.
    writer.call(2, 'type', { key: 'key-of-one', owner: 2, n: 2 });
    await home.time.advance(10);
    const [two, three] = [await visit(2), await visit(3)];
    expect(two.rows('typing')).toMatchObject([{ n: 2 }]);
    writer.call(3, 'type', { key: 'key-of-one', owner: 1, n: 3 });
    await home.time.advance(2_000);
    expect([two.rows('typing'), keysIn(three)]).toEqual([[], false]);
    expect(writer.rows('typing').map(({ n }) => n)).toEqual([1, 3]);
  });
});
