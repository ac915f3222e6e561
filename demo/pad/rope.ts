/**
 * The text as a tree of rows: finding a place in it, and putting changed chunks back.
 *
 * Law: an entry says of what is below it how much text is shown there, and whether that is so for everyone. A node has
 * at most `entriesMax` entries and, the root apart, at least one; all chunks are equally deep.
 */

import type { DbView, RowOf } from 'forerun';
import {
  deleted,
  inserted,
  isOpen,
  joined,
  type Label,
  lengthIn,
  type Piece,
  settled,
  split,
  type View,
} from './pieces.ts';
import type { PadTables } from './tables.ts';

export type PadDb = DbView<PadTables>;
type Chunk = RowOf<PadTables['chunk']>;
type Node = RowOf<PadTables['node']>;
type Entry = Node['entries'][number];

/** An edit writes one chunk and the nodes above it, so they are small. */
const lettersMax = 256;
const runsMax = 64;
const entriesMax = 32;
const rootId = 1;

/** A chunk, the nodes above it from the root on, and how many letters (in somebody's eyes) come before a place in it. */
interface Place {
  readonly path: readonly { readonly node: Node; readonly index: number }[];
  readonly chunk: Chunk;
  readonly offset: number;
}

/** The empty text. */
export function plant(db: PadDb): void {
  const id = rootId + 1;
  db.counter.insert({ id: 0, nextId: id + 1 });
  db.chunk.insert({ id, text: '', runs: [] });
  db.node.insert({ id: rootId, height: 1, entries: [{ id, length: 0, isOpen: false }] });
}

/** What everyone has of the text who has seen all edits. */
export function textLength(db: PadDb): number {
  return nodeOf(db, rootId).entries.reduce((length, entry) => length + entry.length, 0);
}

/** Deletes `remove` letters from `at` on, and inserts there. Places behind the end are the end. */
export function change(
  db: PadDb,
  view: View,
  by: Label,
  { at, remove, insert }: { readonly at: number; readonly remove: number; readonly insert: string },
): void {
  for (let left = remove; left > 0; ) {
    const place = placeOf(db, view, at, 'letterBehind');
    const { piece, taken } = deleted(place.chunk, view, place.offset, left, by);
    if (taken === 0) break;
    put(db, place, [piece]);
    left -= taken;
  }
  if (insert === '') return;
  const { path, chunk, offset } = placeOf(db, view, at, 'letterBefore');
  put(db, { path, chunk, offset }, split(inserted(chunk, view, offset, by, insert), lettersMax, runsMax));
}

/** Forgets what everyone has seen. Looks at nothing that has been settled before. */
export function settle(db: PadDb, isSeenByAll: View): void {
  const root = nodeOf(db, rootId);
  const entries = settledEntries(db, root, isSeenByAll);
  if (entries.length > 0) {
    db.node.id.update({ ...root, entries });
    lower(db);
  } else {
    const chunk = { id: newId(db), text: '', runs: [] };
    db.chunk.insert(chunk);
    db.node.id.update({ id: rootId, height: 1, entries: [entryOf(chunk)] });
  }
}

function placeOf(db: PadDb, view: View, at: number, side: 'letterBefore' | 'letterBehind'): Place {
  const path: { node: Node; index: number }[] = [];
  let node = nodeOf(db, rootId);
  let offset = at;
  for (;;) {
    const last = node.entries.length - 1;
    let index = 0;
    for (; ; index++) {
      const length = lengthBelow(db, node.height, node.entries[index], view);
      const isHere = side === 'letterBefore' ? offset <= length : offset < length;
      if (isHere) break;
      if (index === last) {
        offset = Math.min(offset, length);
        break;
      }
      offset -= length;
    }
    path.push({ node, index });
    const id = node.entries[index]?.id ?? 0;
    if (node.height === 1) return { path, chunk: chunkOf(db, id), offset };
    node = nodeOf(db, id);
  }
}

function lengthBelow(db: PadDb, height: number, entry: Entry | undefined, view: View): number {
  if (entry === undefined) return 0;
  if (!entry.isOpen) return entry.length;
  if (height === 1) return lengthIn(chunkOf(db, entry.id), view);
  const node = nodeOf(db, entry.id);
  return node.entries.reduce((length, each) => length + lengthBelow(db, node.height, each, view), 0);
}

/** The first of the pieces takes the chunk's place, the others come behind it. */
function put(db: PadDb, { path, chunk }: Place, pieces: readonly Piece[]): void {
  const entries = pieces.map((piece, i) => {
    const row = { ...piece, id: i === 0 ? chunk.id : newId(db) };
    if (i === 0) db.chunk.id.update(row);
    else db.chunk.insert(row);
    return entryOf(row);
  });
  replace(db, path, path.length - 1, entries);
}

/** Puts entries in the place of the one that the path goes through at this depth, and tells the nodes above. */
function replace(db: PadDb, path: Place['path'], depth: number, entries: readonly Entry[]): void {
  const step = path[depth];
  if (step === undefined) return;
  const { node, index } = step;
  const next = node.entries.toSpliced(index, 1, ...entries);
  if (depth === 0) return putRoot(db, node.height, next);
  const [first = [], ...others] = parts(next);
  db.node.id.update({ ...node, entries: first });
  replace(db, path, depth - 1, [summary(node.id, first), ...others.map((each) => newNode(db, node.height, each))]);
}

/** Too many entries for the root: it stays the root, above new nodes that hold them. */
function putRoot(db: PadDb, height: number, entries: readonly Entry[]): void {
  if (entries.length <= entriesMax) db.node.id.update({ id: rootId, height, entries: [...entries] });
  else
    putRoot(
      db,
      height + 1,
      parts(entries).map((each) => newNode(db, height, each)),
    );
}

/** While the root has a single node below it, that one takes its place. */
function lower(db: PadDb): void {
  for (;;) {
    const { height, entries } = nodeOf(db, rootId);
    const [only] = entries;
    if (height === 1 || entries.length !== 1 || only === undefined) return;
    const below = nodeOf(db, only.id);
    db.node.id.delete(below.id);
    db.node.id.update({ ...below, id: rootId });
  }
}

/** Those of a node after settling; empty chunks and nodes are gone, and small neighbours have become one. */
function settledEntries(db: PadDb, { height, entries }: Node, isSeenByAll: View): Entry[] {
  const next: Entry[] = [];
  for (const entry of entries) {
    const after = entry.isOpen ? settledEntry(db, height, entry, isSeenByAll) : entry;
    if (after === undefined) continue;
    const last = next.at(-1);
    const isSmall = height === 1 && entry.isOpen && last !== undefined && last.length + after.length <= lettersMax / 2;
    if (isSmall) next[next.length - 1] = join(db, last, after);
    else next.push(after);
  }
  return next;
}

function settledEntry(db: PadDb, height: number, entry: Entry, isSeenByAll: View): Entry | undefined {
  if (height > 1) {
    const node = nodeOf(db, entry.id);
    const entries = settledEntries(db, node, isSeenByAll);
    if (entries.length === 0) db.node.id.delete(node.id);
    else db.node.id.update({ ...node, entries });
    return entries.length === 0 ? undefined : summary(node.id, entries);
  }
  const row = { id: entry.id, ...settled(chunkOf(db, entry.id), isSeenByAll) };
  if (row.text === '' && !isOpen(row)) {
    db.chunk.id.delete(row.id);
    return undefined;
  }
  db.chunk.id.update(row);
  return entryOf(row);
}

function join(db: PadDb, left: Entry, right: Entry): Entry {
  const piece = joined(chunkOf(db, left.id), chunkOf(db, right.id));
  // Joining runs must not make a chunk that has to be split again.
  const row = { id: left.id, ...piece };
  db.chunk.id.update(row);
  db.chunk.id.delete(right.id);
  return entryOf(row);
}

function parts(entries: readonly Entry[]): Entry[][] {
  const count = Math.ceil(entries.length / entriesMax);
  const size = Math.ceil(entries.length / count);
  return Array.from({ length: count }, (_, i) => entries.slice(i * size, (i + 1) * size));
}

function newNode(db: PadDb, height: number, entries: Entry[]): Entry {
  const id = newId(db);
  db.node.insert({ id, height, entries });
  return summary(id, entries);
}

function summary(id: number, entries: readonly Entry[]): Entry {
  return {
    id,
    length: entries.reduce((length, entry) => length + entry.length, 0),
    isOpen: entries.some((entry) => entry.isOpen),
  };
}

function entryOf(chunk: Chunk): Entry {
  return { id: chunk.id, length: chunk.text.length, isOpen: isOpen(chunk) };
}

function newId(db: PadDb): number {
  const counter = db.counter.id.find(0);
  if (counter === null) throw new Error('The text has not been planted.');
  db.counter.id.update({ ...counter, nextId: counter.nextId + 1 });
  return counter.nextId;
}

function nodeOf(db: PadDb, id: number): Node {
  const node = db.node.id.find(id);
  if (node === null) throw new Error(`There is no node ${id}.`);
  return node;
}

function chunkOf(db: PadDb, id: number): Chunk {
  const chunk = db.chunk.id.find(id);
  if (chunk === null) throw new Error(`There is no chunk ${id}.`);
  return chunk;
}
