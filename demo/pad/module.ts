/**
 * The pad: one text, in which everyone writes at once. Every edit is taken, and is placed in the text as its author saw
 * it; see `pieces.ts`.
 */

import { type ReducerCtx, SenderError, t } from 'forerun';
import type { View } from './pieces.ts';
import { change, plant, settle, textLength } from './rope.ts';
import { pad, type PadTables, seenType } from './tables.ts';

export default pad;

/** An author settles what everyone has seen once in so many edits. */
const editsPerSettling = 32;
/** Who has not been heard of for so long and missed so much is no longer waited for. */
const silenceMinutesMax = 1;
const missedEditsMax = 2_000;
const authorsMax = 64;
const changesMax = 1_000;
const insertLengthMax = 65_536;
const textLengthMax = 4_000_000;
const nameLengthMax = 24;

type Ctx = ReducerCtx<PadTables>;
type Seen = readonly { readonly author: number; readonly edit: number }[];

/** Places are UTF-16 units, one change after the other: the second sees what the first has done. */
const changeType = t.object('Change', { at: t.u32(), remove: t.u32(), insert: t.string() });

export const init = pad.init((ctx) => plant(ctx.db));

/**
 * `edit` numbers the author's edits. `seen` are the edits of others in the text that the changes were made on; one's own
 * earlier edits are always in it.
 */
export const write = pad.reducer(
  { author: t.u32(), edit: t.u32(), seen: seenType, changes: t.array(changeType) },
  (ctx, { author, edit, seen, changes }) => {
    if (changes.length > changesMax) throw new SenderError(`An edit has at most ${changesMax} changes.`);
    const inserted = changes.reduce((length, { insert }) => length + insert.length, 0);
    if (inserted > insertLengthMax) throw new SenderError(`An edit inserts at most ${insertLengthMax} letters.`);
    if (inserted > 0 && textLength(ctx.db) + inserted > textLengthMax) throw new SenderError('The text is full.');
    if (author === 0) throw new SenderError('Author 0 is everyone.');
    hear(ctx, author, edit, seen);
    const view = viewOf(author, seen);
    for (const each of changes) change(ctx.db, view, { author, edit }, each);
    if (edit % editsPerSettling === 0) settleSeen(ctx);
  },
);

/** Somebody has read so far, without writing: what everyone has seen can be settled. */
export const read = pad.reducer({ author: t.u32(), edit: t.u32(), seen: seenType }, (ctx, { author, edit, seen }) => {
  hear(ctx, author, edit, seen);
  settleSeen(ctx);
});

/** Shows the others where one is. Places are those of the text that one sees: it is a sign, and nothing depends on it. */
export const point = pad.reducer(
  { author: t.u32(), name: t.string(), anchor: t.u32(), head: t.u32() },
  (ctx, { author, name, anchor, head }) => {
    const row = { author, name: name.slice(0, nameLengthMax), anchor, head };
    if (ctx.db.caret.author.find(author) === null) ctx.db.caret.insert(row);
    else ctx.db.caret.author.update(row);
  },
);

/** `edit` is the author's last, the one being made included. */
function hear(ctx: Ctx, id: number, edit: number, seen: Seen): void {
  if (seen.length > authorsMax) throw new SenderError(`Nobody has seen more than ${authorsMax} authors.`);
  const known = ctx.db.author.id.find(id);
  const row = { id, owner: ctx.sender, edits: edit, seen: [...seen], heardMinute: minuteOf(ctx) };
  if (known === null) ctx.db.author.insert(row);
  else if (!known.owner.isEqual(ctx.sender)) throw new SenderError('This is someone else.');
  else if (edit < known.edits) throw new SenderError(`Edit ${edit} came after edit ${known.edits}.`);
  else ctx.db.author.id.update(row);
}

function viewOf(me: number, seen: Seen): View {
  const edits = new Map(seen.map(({ author, edit }) => [author, edit]));
  return ({ author, edit }) => author === 0 || author === me || edit <= (edits.get(author) ?? 0);
}

function settleSeen(ctx: Ctx): void {
  const authors = waitedFor(ctx);
  const seenByAll = new Map(authors.map(({ id, edits }) => [id, edits]));
  for (const reader of authors) {
    const seen = viewedEdits(reader.seen);
    for (const [id, edit] of seenByAll) if (id !== reader.id) seenByAll.set(id, Math.min(edit, seen.get(id) ?? 0));
  }
  settle(ctx.db, ({ author, edit }) => edit <= (seenByAll.get(author) ?? edit));
}

/** The authors, without those who have been away for too long. */
function waitedFor(ctx: Ctx): { readonly id: number; readonly edits: number; readonly seen: Seen }[] {
  const authors = [...ctx.db.author.iter()].sort((a, b) => b.heardMinute - a.heardMinute);
  return authors.filter((author, i) => {
    const seen = viewedEdits(author.seen);
    const missed = authors.reduce(
      (count, { id, edits }) => count + (id === author.id ? 0 : Math.max(0, edits - (seen.get(id) ?? 0))),
      0,
    );
    const isSilent = minuteOf(ctx) - author.heardMinute > silenceMinutesMax;
    const isKept = i < authorsMax && !(isSilent && missed > missedEditsMax);
    if (!isKept) ctx.db.author.id.delete(author.id);
    return isKept;
  });
}

function minuteOf(ctx: Ctx): number {
  return Number(ctx.timestamp.microsSinceUnixEpoch / 60_000_000n);
}

function viewedEdits(seen: Seen): Map<number, number> {
  return new Map(seen.map(({ author, edit }) => [author, edit]));
}
