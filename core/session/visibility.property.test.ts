import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Home, identityOf } from '../authority/home.testing.ts';
import { rendered } from '../codec/rendered.testing.ts';
import type { Row } from '../commit/row-change.ts';
import { t } from '../module/column.ts';
import { schema } from '../module/schema.ts';
import { table } from '../module/table.ts';
import { hubOf, Visitor } from './visitor.testing.ts';

// So that a handful of rows makes a snapshot of several chunks.
vi.mock('../limits.ts', async (original) => {
  const { limits } = await original<typeof import('../limits.ts')>();
  return { limits: { ...limits, snapshotChunkRows: 3 } };
});

/** Who may read what: owners their rooms, members the rooms they are in, and the messages of rooms they see. */
const room = table({ public: true }, { id: t.u32().primaryKey(), owner: t.identity(), label: t.string() });
const member = table({}, { id: t.u32().primaryKey(), room: t.u32().index(), who: t.identity().index() });
const message = table(
  { public: true },
  { id: t.u32().primaryKey(), room: t.u32().index(), mark: t.u32().index(), text: t.string() },
);
const house = schema({ room, member, message });
const seesOwn = house.clientVisibilityFilter.sql('SELECT * FROM room WHERE owner = :sender');
const seesJoined = house.clientVisibilityFilter.sql(
  'SELECT room.* FROM room JOIN member ON member.room = room.id WHERE member.who = :sender',
);
const seesMessages = house.clientVisibilityFilter.sql(
  'SELECT message.* FROM message JOIN room ON room.id = message.room',
);
const change = house.reducer(
  { table: t.string(), id: t.u32(), room: t.u32(), who: t.identity(), mark: t.u32(), gone: t.bool() },
  (ctx, { table: name, id, room: roomId, who, mark, gone }) => {
    const { db } = ctx;
    if (name === 'room') {
      db.room.id.delete(id);
      if (!gone) db.room.insert({ id, owner: who, label: `secret-room-${id}-${mark}` });
    } else if (name === 'member') {
      db.member.id.delete(id);
      if (!gone) db.member.insert({ id, room: roomId, who });
    } else {
      const row = { id, room: roomId, mark, text: `secret-message-${id}-${roomId}-${mark}` };
      if (gone) db.message.id.delete(id);
      else if (db.message.id.find(id) === null) db.message.insert(row);
      else db.message.id.update(row);
    }
  },
);
/** Two at once: what a commit does together is told together. */
const move = house.reducer({ member: t.u32(), to: t.u32(), who: t.identity() }, (ctx, { member: id, to, who }) => {
  ctx.db.member.id.delete(id);
  ctx.db.member.insert({ id, room: to, who });
  ctx.db.message.id.delete(id);
  ctx.db.message.insert({ id, room: to, mark: 9, text: `secret-moved-${id}-${to}` });
});
const module = { default: house, seesOwn, seesJoined, seesMessages, change, move };

const homes: Home[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) home.kill();
});

type Queries = readonly (readonly [
  sql: string,
  accessor: 'room' | 'message',
  matches: (row: Row, home: Home, viewer: number) => boolean,
])[];
const queryList: Queries = [
  ['SELECT * FROM room', 'room', () => true],
  ['SELECT * FROM message', 'message', () => true],
  ['SELECT * FROM message WHERE mark = 1', 'message', (row) => row['mark'] === 1],
  [
    "SELECT message.* FROM message JOIN room ON room.id = message.room WHERE room.label LIKE '%1'",
    'message',
    (row, home, viewer) =>
      home
        .rows('room')
        .some(
          (each) => each['id'] === row['room'] && seesRoom(home, each, viewer) && String(each['label']).endsWith('1'),
        ),
  ],
];

/** By definition, from all rows. */
function seesRoom(home: Home, row: Row, viewer: number): boolean {
  const isViewer = (who: unknown): boolean => rendered(who) === rendered(identityOf(viewer));
  return (
    isViewer(row['owner']) || home.rows('member').some((each) => each['room'] === row['id'] && isViewer(each['who']))
  );
}

function allowed(home: Home, viewer: number, sqls: readonly string[], accessor: 'room' | 'message'): string[] {
  return home
    .rows(accessor)
    .filter((row) => {
      const rooms = home.rows('room').filter((each) => each['id'] === row[accessor === 'room' ? 'id' : 'room']);
      return (
        rooms.some((each) => seesRoom(home, each, viewer)) &&
        queryList.some(([sql, of, matches]) => of === accessor && sqls.includes(sql) && matches(row, home, viewer))
      );
    })
    .map(rendered)
    .sort();
}

const viewers = [1, 2];
type Act =
  | {
      readonly type: 'change';
      readonly table: string;
      readonly id: number;
      readonly room: number;
      readonly who: number;
      readonly mark: number;
      readonly gone: boolean;
    }
  | { readonly type: 'move'; readonly member: number; readonly to: number; readonly who: number }
  | { readonly type: 'begin' | 'end' | 'reconnect'; readonly viewer: number; readonly query: number }
  | { readonly type: 'tick' | 'settle' };
const who = fc.constantFrom(1, 2, 3);
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('change' as const),
      table: fc.constantFrom('room', 'member', 'message', 'message'),
      id: fc.nat(3),
      room: fc.nat(2),
      who,
      mark: fc.nat(2),
      gone: fc.constantFrom(false, false, true),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('move' as const), member: fc.nat(3), to: fc.nat(2), who }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constantFrom('begin' as const, 'begin' as const, 'end' as const, 'reconnect' as const),
      viewer: fc.constantFrom(...viewers),
      query: fc.nat(queryList.length - 1),
    }),
  },
  { weight: 4, arbitrary: fc.constantFrom<Act>({ type: 'tick' }, { type: 'settle' }) },
);

describe('what a viewer is sent', () => {
  it('[VIS-1] [VIS-2] [VIS-3] is never a row more than the filters let them see, in no byte, and in the end no row less', async () => {
    const seen = { rows: 0, hidden: 0, left: 0, resumed: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 15, maxLength: 60 }), async (acts) => {
        const home = await Home.open(module);
        homes.push(home);
        const hub = hubOf(home);
        const writer = home.client(9);
        let callId = 0;
        /** All texts that each viewer was ever allowed to see, as of some commit. */
        const everAllowed = new Map(viewers.map((viewer) => [viewer, new Set<string>()]));
        const note = () => {
          for (const viewer of viewers) {
            const rooms = home.rows('room').filter((row) => seesRoom(home, row, viewer));
            const inRooms = home.rows('message').filter((row) => rooms.some((each) => each['id'] === row['room']));
            for (const row of rooms) everAllowed.get(viewer)?.add(String(row['label']));
            for (const row of inRooms) everAllowed.get(viewer)?.add(String(row['text']));
          }
        };
        const call = (reducer: string, args: object) => {
          home.call(writer, ++callId, reducer, args);
          note();
        };
        const visitors = viewers.map((viewer) => ({
          viewer,
          visitor: new Visitor(home, viewer),
          queries: new Map<number, string>(),
        }));
        for (const { visitor } of visitors) {
          visitor.connect(hub);
          visitor.hello({ subscriptions: [] });
        }
        for (const id of [0, 1, 2]) {
          const row = { id, room: id, who: identityOf(1 + (id % 3)), mark: id % 3, gone: false };
          call('change', { ...row, table: 'room' });
          call('change', { ...row, table: 'member', room: (id + 1) % 3 });
          call('change', { ...row, table: 'message' });
        }
        await home.time.settle();
        let lastId = 0;
        for (const { visitor, queries } of visitors) {
          queries.set(++lastId, 'SELECT * FROM message');
          visitor.say({
            type: 'subscribe',
            subscription: { subscriptionId: lastId, queries: ['SELECT * FROM message'] },
          });
        }
        const check = () => {
          for (const { viewer, visitor, queries } of visitors) {
            for (const accessor of ['room', 'message'] as const) {
              const rows = visitor.rows(accessor).map(rendered).sort();
              expect(rows).toEqual(allowed(home, viewer, [...queries.values()], accessor));
              seen.rows += rows.length;
              seen.hidden += home.rows(accessor).length - rows.length;
            }
          }
        };
        for (const each of acts) {
          if (each.type === 'change') call('change', { ...each, who: identityOf(each.who) });
          if (each.type === 'move') call('move', { ...each, who: identityOf(each.who) });
          if (each.type === 'tick') home.time.tick();
          if (each.type === 'settle') {
            await home.time.settle();
            check();
          }
          if (each.type !== 'begin' && each.type !== 'end' && each.type !== 'reconnect') continue;
          const { visitor, queries } = visitors[each.viewer - 1] as (typeof visitors)[number];
          const [sql] = queryList[each.query] as Queries[number];
          if (each.type === 'begin') {
            queries.set(++lastId, sql);
            visitor.say({ type: 'subscribe', subscription: { subscriptionId: lastId, queries: [sql] } });
          } else if (each.type === 'end') {
            const [id] = [...queries].find(([, text]) => text === sql) ?? [];
            if (id === undefined) continue;
            queries.delete(id);
            visitor.say({ type: 'unsubscribe', subscriptionId: id });
          } else {
            await home.time.settle();
            visitor.hangUp();
            await home.time.settle();
            call('change', { table: 'message', id: 1, room: 1, who: identityOf(1), mark: callId % 3, gone: false });
            await home.time.settle();
            visitor.connect(hub);
            visitor.hello({
              subscriptions: [...queries].map(([subscriptionId, text]) => ({ subscriptionId, queries: [text] })),
            });
            await home.time.settle();
            if (visitor.welcome?.resumed === true) seen.resumed++;
          }
        }
        await home.time.settle();
        check();
        for (const { viewer, visitor } of visitors) {
          const bytes = Buffer.concat(visitor.frames.map((frame) => Buffer.from(frame))).toString('latin1');
          for (const [text] of bytes.matchAll(/secret-(?:room|message|moved)[-\d]*\d/g)) {
            const isAllowed = [...(everAllowed.get(viewer) ?? [])].some(
              (each) => each === text || text.startsWith(each),
            );
            expect(isAllowed ? '' : text).toBe('');
          }
          seen.left += visitor.of('staged').length;
        }
      }),
      { numRuns: Number(process.env.FORERUN_PROPERTY_RUNS ?? 60) },
    );
    expect(seen.rows).toBeGreaterThan(50);
    expect(seen.hidden).toBeGreaterThan(50);
    expect(seen.left).toBeGreaterThan(20);
  });
});
