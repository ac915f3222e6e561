import { afterEach, describe, expect, it, vi } from 'vitest';
import { Home, identityOf } from '../authority/home.testing.ts';
import { t } from '../module/column.ts';
import { schema } from '../module/schema.ts';
import { table } from '../module/table.ts';
import type { SessionHub } from './hub.ts';
import { SlowVisitor } from './slow-visitor.testing.ts';
import { hubOf } from './visitor.testing.ts';

vi.mock('../limits.ts', async (original) => {
  const { limits } = await original<typeof import('../limits.ts')>();
  return { limits: { ...limits, behindBufferedBytesMax: 400, joinedNetRowsMax: 20 } };
});

/** Members of a room read its letters; what is said in it they hear. */
const member = table({ public: true }, { id: t.u32().primaryKey(), room: t.u32().index(), who: t.identity().index() });
const letter = table({ public: true }, { id: t.u32().primaryKey(), room: t.u32().index(), text: t.string() });
const said = table({ public: true, event: true }, { room: t.u32(), text: t.string() });
const house = schema({ member, letter, said });
const module = {
  default: house,
  letters: house.clientVisibilityFilter.sql(
    'SELECT letter.* FROM letter JOIN member ON member.room = letter.room WHERE member.who = :sender',
  ),
  heard: house.clientVisibilityFilter.sql(
    'SELECT said.* FROM said JOIN member ON member.room = said.room WHERE member.who = :sender',
  ),
  join: house.reducer({ id: t.u32(), room: t.u32(), who: t.identity(), gone: t.bool() }, (ctx, { gone, ...row }) => {
    ctx.db.member.id.delete(row.id);
    if (!gone) ctx.db.member.insert(row);
  }),
  write: house.reducer({ id: t.u32(), room: t.u32(), text: t.string() }, (ctx, row) => {
    ctx.db.letter.id.delete(row.id);
    ctx.db.letter.insert(row);
  }),
  say: house.reducer({ room: t.u32(), text: t.string() }, (ctx, row) => void ctx.db.said.insert(row)),
};

const homes: Home[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) home.kill();
});

interface Scene {
  readonly home: Home;
  readonly hub: SessionHub;
  readonly slow: SlowVisitor;
  readonly call: (reducer: string, args: object) => void;
  readonly bytes: () => string;
  readonly letters: () => unknown[];
}

async function open(queries = ['SELECT * FROM letter']): Promise<Scene> {
  const home = await Home.open(module);
  homes.push(home);
  const hub = hubOf(home);
  const slow = new SlowVisitor(home, 1);
  const writer = home.client(9);
  const call = (reducer: string, args: object): void => {
    home.call(writer, writer.lastCallId + 1, reducer, args);
  };
  call('join', { id: 1, room: 1, who: identityOf(1), gone: false });
  call('write', { id: 1, room: 1, text: 'first' });
  await home.time.settle();
  slow.connect(hub);
  slow.hello({ queries });
  await home.time.settle();
  return {
    home,
    hub,
    slow,
    call,
    bytes: () => Buffer.concat(slow.frames.map((frame) => Buffer.from(frame))).toString('latin1'),
    letters: () => slow.rows('letter').map(({ text }) => text),
  };
}

async function fallBehind({ home, hub, slow, call }: Scene): Promise<void> {
  slow.reads = false;
  for (let n = 0; n < 20 && hub.slowReaders?.count !== 1; n++) {
    call('write', { id: 1, room: 1, text: `long ${'x'.repeat(100)} ${n}` });
    await home.time.settle();
  }
  expect(hub.slowReaders?.count).toBe(1);
}

async function goOn({ home, slow }: Scene): Promise<void> {
  slow.reads = true;
  slow.read();
  await home.time.advance(200);
}

describe('the net of what joined queries have missed', () => {
  it('[SLO-2] has rows enter and leave with their partners', async () => {
    const scene = await open();
    const { slow, call, home, letters } = scene;
    await fallBehind(scene);
    call('write', { id: 2, room: 2, text: 'of the second room' });
    call('join', { id: 1, room: 1, who: identityOf(1), gone: true });
    call('join', { id: 2, room: 2, who: identityOf(1), gone: false });
    await home.time.settle();
    await goOn(scene);
    expect(letters()).toEqual(['of the second room']);
    expect(slow.isClosed).toBe(false);
  });

  it('[AUT-1] has nothing of what is not durable', async () => {
    const scene = await open();
    const { call, home, bytes, letters } = scene;
    call('write', { id: 2, room: 2, text: 'durable' });
    await fallBehind(scene);
    call('join', { id: 2, room: 2, who: identityOf(1), gone: false });
    await home.time.settle();
    home.log.isHeld = true;
    call('write', { id: 1, room: 1, text: 'not durable' });
    call('write', { id: 2, room: 2, text: 'not durable either' });
    call('join', { id: 1, room: 1, who: identityOf(1), gone: true });
    await goOn(scene);
    expect(bytes()).not.toContain('not durable');
    expect(letters()).toEqual([expect.stringMatching(/^long/), 'durable']);
    call('join', { id: 1, room: 1, who: identityOf(1), gone: false });
    home.log.isHeld = false;
    home.log.letGo();
    await goOn(scene);
    expect(letters()).toEqual(['not durable', 'not durable either']);
  });

  it('[VIS-1] has nothing of a row that an own call wrote unseen and another has written over since', async () => {
    const scene = await open();
    const { call, home, slow, bytes, letters } = scene;
    await fallBehind(scene);
    call('write', { id: 2, room: 2, text: 'before' });
    slow.call(1, 'write', { id: 2, room: 2, text: 'unseen' });
    await home.time.settle();
    call('write', { id: 2, room: 2, text: 'after' });
    call('join', { id: 2, room: 2, who: identityOf(1), gone: false });
    await home.time.settle();
    await goOn(scene);
    expect(letters()[1]).toBe('after');
    expect(bytes()).not.toContain('unseen');
    expect(slow.outcomes).toMatchObject([{ type: 'committed', callId: 1 }]);
  });

  it('[SLO-6] is too much beyond a bound: the reader is let go, and has the rows when it comes back', async () => {
    const scene = await open();
    const { call, home, hub, slow, letters } = scene;
    await fallBehind(scene);
    for (let id = 10; id < 40; id++) call('write', { id, room: 1, text: `${id}` });
    await home.time.settle();
    await goOn(scene);
    expect(slow.isClosed).toBe(true);
    slow.connect(hub);
    slow.hello({ queries: ['SELECT * FROM letter'] });
    await home.time.advance(200);
    expect(slow.welcome?.resumed).toBe(false);
    expect(letters()).toHaveLength(31);
  });

  it('[SLO-1] is not made where an event is heard because of other rows: such a reader is sent each commit', async () => {
    const scene = await open(['SELECT * FROM said', 'SELECT * FROM letter']);
    const { call, home, hub, slow } = scene;
    slow.reads = false;
    for (let n = 0; n < 20; n++) {
      call('say', { room: 1 + (n % 2), text: `word ${'x'.repeat(100)} ${n}` });
      await home.time.settle();
    }
    expect(hub.slowReaders?.count).toBe(0);
    slow.read();
    expect(slow.events).toHaveLength(10);
  });
});

describe('a client that comes back with joined queries', () => {
  it('[SES-3] [SES-4] is sent the net of what it missed, also while others write', async () => {
    const scene = await open();
    const { call, home, hub, slow, letters, bytes } = scene;
    slow.hangUp();
    await home.time.settle();
    // Somebody else keeps what rows were before.
    const other = new SlowVisitor(home, 2);
    other.connect(hub);
    other.hello({ queries: ['SELECT * FROM letter'] });
    await home.time.settle();
    call('write', { id: 2, room: 2, text: 'of the second room' });
    call('join', { id: 2, room: 2, who: identityOf(1), gone: false });
    call('write', { id: 1, room: 3, text: 'moved away' });
    await home.time.settle();
    home.log.isHeld = true;
    call('write', { id: 2, room: 2, text: 'not durable' });
    slow.connect(hub);
    slow.hello({ queries: ['SELECT * FROM letter'] });
    home.time.tick();
    home.log.isHeld = false;
    home.log.letGo();
    await home.time.settle();
    expect(slow.welcome?.resumed).toBe(true);
    expect(letters()).toEqual(['not durable']);
    expect(bytes()).not.toContain('moved away');
  });
});
