/**
 * A module in which everything is somebody's: rooms are seen by their owners and members, messages, cursors and shouts by
 * those who see the room; who is typing what is for its owner alone, its key included; what is in the vault nobody reads, but
 * for what two views tell of it. Each text is written once.
 */

import { schema, t, table } from 'forerun';

const room = table({ public: true }, { id: t.u32().primaryKey(), owner: t.identity(), text: t.string() });
const member = table({}, { id: t.u32().primaryKey(), room: t.u32().index(), who: t.identity().index() });
const message = table(
  { public: true },
  { id: t.u32().primaryKey(), room: t.u32().index(), mark: t.u32().index(), text: t.string() },
);
const cursor = table(
  { public: true, ephemeral: { sendsPerSecondMax: 1_000 } },
  { id: t.u32().primaryKey(), room: t.u32().index(), text: t.string() },
);
const typing = table(
  { public: true, ephemeral: { sendsPerSecondMax: 20 } },
  { key: t.string().primaryKey(), slot: t.u32(), owner: t.identity(), mark: t.u32() },
);
const shout = table({ public: true, event: true }, { room: t.u32(), text: t.string() });
const vault = table(
  {},
  { id: t.u32().primaryKey(), owner: t.identity().index(), isOpen: t.bool(), broken: t.bool(), text: t.string() },
);
const house = schema({ room, member, message, cursor, typing, shout, vault });
export default house;

export const seesOwn = house.clientVisibilityFilter.sql('SELECT * FROM room WHERE owner = :sender');
export const seesJoined = house.clientVisibilityFilter.sql(
  'SELECT room.* FROM room JOIN member ON member.room = room.id WHERE member.who = :sender',
);
export const seesMessages = house.clientVisibilityFilter.sql(
  'SELECT message.* FROM message JOIN room ON room.id = message.room',
);
export const seesCursors = house.clientVisibilityFilter.sql(
  'SELECT cursor.* FROM cursor JOIN room ON room.id = cursor.room',
);
/** By the row alone, unlike the others. */
export const seesTyping = house.clientVisibilityFilter.sql('SELECT * FROM typing WHERE owner = :sender');
export const hears = house.clientVisibilityFilter.sql('SELECT shout.* FROM shout JOIN room ON room.id = shout.room');

/** What the sender has in the vault; it fails, and says too much, when a piece of that is broken. */
export const opened = house.view(
  { public: true },
  t.array(t.row('Opened', { id: t.u32().primaryKey(), text: t.string() })),
  (ctx) => {
    const own = [...ctx.db.vault.owner.filter(ctx.sender)];
    const broken = own.find((each) => each.broken);
    if (broken !== undefined) throw new Error(`broken: ${broken.text}`);
    return own.map(({ id, text }) => ({ id, text }));
  },
);
export const notices = house.anonymousView({ public: true }, t.array(vault.rowType), (ctx) =>
  ctx.from.vault.where((each) => each.isOpen.eq(true)),
);

export const change = house.reducer(
  { kind: t.string(), id: t.u32(), room: t.u32(), who: t.identity(), mark: t.u32(), flag: t.bool(), text: t.string() },
  ({ db }, { kind, id, room: roomId, who, mark, flag, text }) => {
    const isGone = mark === 3;
    if (kind === 'room') {
      db.room.id.delete(id);
      if (!isGone) db.room.insert({ id, owner: who, text });
    } else if (kind === 'member') {
      db.member.id.delete(id);
      if (!isGone) db.member.insert({ id, room: roomId, who });
    } else if (kind === 'message') {
      db.message.id.delete(id);
      if (!isGone) db.message.insert({ id, room: roomId, mark, text });
    } else if (kind === 'cursor') {
      db.cursor.id.delete(id);
      if (!isGone) db.cursor.insert({ id, room: roomId, text });
    } else if (kind === 'typing') {
      const known = [...db.typing.iter()].find(({ slot }) => slot === id);
      if (known === undefined) db.typing.insert({ key: text, slot: id, owner: who, mark });
      else if (isGone) db.typing.key.delete(known.key);
      else db.typing.key.update({ ...known, owner: who, mark });
    } else if (kind === 'shout') db.shout.insert({ room: roomId, text });
    else if (kind === 'vault') {
      db.vault.id.delete(id);
      if (!isGone) db.vault.insert({ id, owner: who, isOpen: flag, broken: mark === 2, text });
    } else throw new Error(`nothing of this kind: ${[...db.vault.iter()].map((each) => each.text).join(' ')}`);
  },
);
