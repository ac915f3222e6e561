/** A module with a view of every kind: players in rooms, of whom everyone sees some, and notes that nobody may read. */

import { type Home, identityOf } from '../authority/home.testing.ts';
import { rendered } from '../codec/rendered.testing.ts';
import type { Row } from '../commit/row-change.ts';
import { t } from '../module/column.ts';
import { schema } from '../module/schema.ts';
import { table } from '../module/table.ts';

const player = table(
  { public: true },
  { id: t.u32().primaryKey(), who: t.identity().index(), room: t.u32().index(), score: t.u32().index() },
);
const room = table({ public: true }, { id: t.u32().primaryKey(), isOpen: t.bool() });
/** Private. */
const note = table({}, { id: t.u32().primaryKey(), room: t.u32().index(), text: t.string(), broken: t.bool() });
const blink = table({ public: true, ephemeral: true }, { id: t.u32().primaryKey() });
const noteLine = t.row('NoteLine', { id: t.u32().primaryKey(), line: t.string() });
const tally = t.object('Tally', { room: t.u32(), notes: t.u32() });

const hall = schema({ player, room, note, blink });

/** Procedural, per sender, with a key: the notes of the rooms that the sender has players in. */
const myNotes = hall.view({ public: true }, t.array(noteLine), (ctx) => {
  const rooms = new Set([...ctx.db.player.who.filter(ctx.sender)].map((each) => each.room));
  const notes = [...rooms].flatMap((id) => [...ctx.db.note.room.filter(id)]);
  if (notes.some(({ broken }) => broken)) throw new Error('secret-broken');
  return notes.map(({ id, text }) => ({ id, line: text }));
});
/** Procedural, anonymous, without a key. */
const tallies = hall.anonymousView({ public: true }, t.array(tally), (ctx) =>
  [...ctx.db.room.iter()].map(({ id }) => ({ room: id, notes: [...ctx.db.note.room.filter(id)].length })),
);
/** One row or none. */
const myFirst = hall.view(
  { public: true },
  t.option(player.rowType),
  (ctx) => [...ctx.db.player.who.filter(ctx.sender)][0],
);
/** Builder views: a filter, one with the sender in it, a semijoin either way. */
const high = hall.anonymousView({ public: true }, t.array(player.rowType), (ctx) =>
  ctx.from.player.where((p) => p.score.gte(5)),
);
const mine = hall.view({ public: true }, t.array(player.rowType), (ctx) =>
  ctx.from.player.where((p) => p.who.eq(ctx.sender)),
);
const inOpenRooms = hall.anonymousView({ public: true }, t.array(player.rowType), (ctx) =>
  ctx.from.room.where((r) => r.isOpen.eq(true)).rightSemijoin(ctx.from.player, (r, p) => r.id.eq(p.room)),
);
/** What it returns follows from what it reads. */
const bySwitch = hall.anonymousView({ public: true }, t.array(player.rowType), (ctx) =>
  ctx.db.room.id.find(0)?.isOpen === true
    ? ctx.from.player.where((p) => p.score.lt(5))
    : ctx.from.player.where((p) => p.score.gte(5)),
);
const blinking = hall.anonymousView({ public: true }, t.array(blink.rowType), (ctx) => [...ctx.db.blink.iter()]);

const setPlayer = hall.reducer(
  { id: t.u32(), who: t.identity(), room: t.u32(), score: t.u32(), gone: t.bool() },
  (ctx, { gone, ...row }) => {
    ctx.db.player.id.delete(row.id);
    if (!gone) ctx.db.player.insert(row);
  },
);
const setRoom = hall.reducer({ id: t.u32(), isOpen: t.bool(), gone: t.bool() }, (ctx, { gone, ...row }) => {
  ctx.db.room.id.delete(row.id);
  if (!gone) ctx.db.room.insert(row);
});
const setNote = hall.reducer(
  { id: t.u32(), room: t.u32(), text: t.string(), broken: t.bool(), gone: t.bool() },
  (ctx, { gone, ...row }) => {
    ctx.db.note.id.delete(row.id);
    if (!gone) ctx.db.note.insert(row);
  },
);

export const hallModule = {
  default: hall,
  myNotes,
  tallies,
  myFirst,
  high,
  mine,
  inOpenRooms,
  bySwitch,
  blinking,
  setPlayer,
  setRoom,
  setNote,
};

export type Naive = (home: Home, viewer: number) => readonly Row[];
const isViewer = (who: unknown, viewer: number): boolean => rendered(who) === rendered(identityOf(viewer));
const players = (home: Home) => home.rows('player');
const own = (home: Home, viewer: number) => players(home).filter(({ who }) => isViewer(who, viewer));
const isRoomOpen = (home: Home, id: unknown) => home.rows('room').some((each) => each['id'] === id && each['isOpen']);

/** Each view by definition, from all rows. */
export const naiveViews: Readonly<Record<string, Naive>> = {
  myNotes: (home, viewer) => {
    const seen = home.rows('note').filter((each) => own(home, viewer).some(({ room }) => room === each['room']));
    return seen.some((each) => each['broken']) ? [] : seen.map((each) => ({ id: each['id'], line: each['text'] }));
  },
  tallies: (home) =>
    home.rows('room').map(({ id }) => ({
      room: id,
      notes: home.rows('note').filter((each) => each['room'] === id).length,
    })),
  myFirst: (home, viewer) => own(home, viewer).slice(0, 1),
  high: (home) => players(home).filter((each) => Number(each['score']) >= 5),
  mine: own,
  inOpenRooms: (home) => players(home).filter((each) => isRoomOpen(home, each['room'])),
  bySwitch: (home) => players(home).filter((each) => Number(each['score']) < 5 === isRoomOpen(home, 0)),
};

export type Matches = (row: Row, home: Home, viewer: number) => boolean;
const everything: Matches = () => true;
export const hallQueries: readonly (readonly [sql: string, view: string, matches: Matches])[] = [
  ...Object.keys(naiveViews).map((view) => [`SELECT * FROM ${view}`, view, everything] as const),
  ['SELECT * FROM high WHERE room = 1', 'high', (row) => row['room'] === 1],
  [
    'SELECT high.* FROM high JOIN mine ON high.id = mine.id',
    'high',
    (row, home, viewer) => own(home, viewer).some(({ id }) => id === row['id']),
  ],
  [
    'SELECT my_notes.* FROM my_notes JOIN player ON my_notes.id = player.id WHERE player.score > 3',
    'myNotes',
    (row, home) => players(home).some((each) => each['id'] === row['id'] && Number(each['score']) > 3),
  ],
];
const sqlNames: Readonly<Record<string, string>> = {
  myNotes: 'my_notes',
  myFirst: 'my_first',
  inOpenRooms: 'in_open_rooms',
  bySwitch: 'by_switch',
};
export const sqlOf = (sql: string): string =>
  sql.replace(/FROM (\w+)/, (_, name: string) => `FROM ${sqlNames[name] ?? name}`);
