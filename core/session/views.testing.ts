/** A module with a view of every kind: players in rooms, of whom everyone sees some, and notes that nobody may read. */

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
