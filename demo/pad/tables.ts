/**
 * The pad's tables: one text as a tree of rows, so that an edit writes a few hundred bytes whatever the text's length;
 * and who writes in it.
 *
 * An author is one open editor, known by a random number. A label names an edit: its author, and which of the author's
 * edits it is. Pieces of the text carry labels as long as somebody may not have seen their edit; a piece without label
 * has been seen by everyone.
 */

import { schema, t, table } from 'forerun';

const label = t.object('Label', { author: t.u32(), edit: t.u32() });

/** A stretch of a chunk: inserted by one edit, and deleted by none, or by one or more that did not know of each other. */
const run = t.object('Run', {
  length: t.u32(),
  /** Author 0: everyone has seen it. */
  by: label,
  /** Of a deleted run only the length is kept. */
  gone: t.array(label),
});

/** How far somebody has read: of each author, the edits up to this one. */
export const seenType = t.array(label);

/** A leaf: some hundred letters. */
const chunk = table(
  { name: 'chunk', public: true },
  {
    id: t.u32().primaryKey(),
    /** What is to be seen of it. */
    text: t.string(),
    /** All of it in order, deleted runs included. None: there is nothing but `text`, and everyone has seen it. */
    runs: t.array(run),
  },
);

const entry = t.object('Entry', {
  /** Of a node, or in a node of height 1 of a chunk. */
  id: t.u32(),
  /** UTF-16 units of text in it. */
  length: t.u32(),
  /** It has runs below: to some it may have another length. */
  isOpen: t.bool(),
});

/** The text is what its chunks hold, in order. Node 1 is the root. */
const node = table(
  { name: 'node', public: true },
  { id: t.u32().primaryKey(), height: t.u8(), entries: t.array(entry) },
);

const author = table(
  { name: 'author', public: true },
  {
    id: t.u32().primaryKey(),
    owner: t.identity(),
    /** Their last edit. */
    edits: t.u32(),
    /** What they had seen of the others at that time. */
    seen: seenType,
    /** When that was, in minutes since 1970. Not to the microsecond: a prediction comes true though its time may not. */
    heardMinute: t.u32(),
  },
);

/** One row: ids for chunks and nodes. */
const counter = table({ name: 'counter', public: true }, { id: t.u8().primaryKey(), nextId: t.u32() });

/** Where somebody's cursor is, and the other end of their selection. Theirs alone, and gone with them. */
const caret = table(
  { name: 'caret', public: true, ephemeral: true },
  { author: t.u32().primaryKey(), name: t.string(), anchor: t.u32(), head: t.u32() },
);

export const tables = { chunk, node, author, counter, caret };
export type PadTables = typeof tables;
export const pad = schema(tables);
