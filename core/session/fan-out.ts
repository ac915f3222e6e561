/**
 * Who gets what of some commits. A row change finds the queries that it concerns, they lead to their audiences, and each
 * audience is sent the change, or that the row has left. Nobody else is looked at. Audiences that are sent the same share
 * its bytes, which are mostly slices of the batch's own; only the outcomes of a session's own calls are its own.
 */

import type { BatchCommit } from '../authority/batch.ts';
import { ByteWriter } from '../codec/bytes.ts';
import type { Seq } from '../commit/call.ts';
import type { Key, RowChange } from '../commit/row-change.ts';
import { encodeChange, encodeLeave } from '../engine/change-codec.ts';
import type { RowShape } from '../engine/row-shape.ts';
import { serverTag } from '../protocol/frame.ts';
import type { Audience, JoinNote, SharedQueries, SharedQuery } from './shared-query.ts';
import type { ToldOutcomes } from './told-outcomes.ts';

/** Commits as one audience is sent them: a list of commits, encoded. */
export interface CommitBytes {
  readonly lastSeq: Seq;
  readonly list: Uint8Array;
  /** Rows that entered or left without having changed, as a list of one commit; in no commit, so that it is nobody's own. */
  readonly turns: Uint8Array | undefined;
  /** The whole message for those who have no outcomes in it, once one of them has asked. */
  message: Uint8Array | undefined;
}

export interface CommitSpan {
  readonly commits: readonly BatchCommit[];
  readonly bytes: Uint8Array;
}

const wasPlus = 1;
const isPlus = 2;
const wasMinus = 4;
const isMinus = 8;
/** Longer lists of changes are compared with no other's. */
const comparedItemsMax = 64;
const noCommits = Uint8Array.of(0);

/** What a batch as a whole did to views: rows that are in no commit. */
export interface ViewTurns {
  readonly changes: readonly RowChange[];
  readonly notes: readonly JoinNote[];
}

export class FanOut {
  readonly #queries: SharedQueries;
  readonly #shapeOf: (tableId: number) => RowShape;
  readonly #touched: Audience[] = [];
  #active: Audience[] = [];
  #mark = 0;
  #audienceOfChange = (query: SharedQuery, before: boolean, after: boolean): void => {
    const plus = (before ? wasPlus : 0) | (after ? isPlus : 0);
    for (const audience of query.plusOf) this.#note(audience, plus);
    for (const audience of query.minusOf) this.#note(audience, plus << 2);
  };

  constructor(queries: SharedQueries, shapeOf: (tableId: number) => RowShape) {
    this.#queries = queries;
    this.#shapeOf = shapeOf;
  }

  /** What each audience is sent of a batch; those that are sent nothing are left out. */
  distribute(
    batch: CommitSpan,
    lastSeq: Seq,
    notes: ReadonlyMap<Seq, readonly JoinNote[]>,
    views?: ViewTurns,
  ): Map<Audience, CommitBytes> {
    const sent = new Map<Audience, CommitBytes>();
    if (this.#queries.size === 0) return sent;
    for (const [place, { seq, changes }] of batch.commits.entries()) {
      const noted = notes.get(seq);
      for (let i = 0; i < changes.length; i++) this.#match(changes[i] as RowChange, place, i, noted);
      if (noted !== undefined) this.#turn(noted);
    }
    if (views !== undefined) {
      for (const change of views.changes) this.#turnView(change, views.notes);
      this.#turn(views.notes);
    }
    const shared = new Map<string, CommitBytes>();
    for (const audience of this.#active) {
      const { items, turns } = audience;
      audience.items = [];
      const key = items.length > comparedItemsMax || turns.size > 0 ? undefined : items.join();
      let bytes = key === undefined ? undefined : shared.get(key);
      bytes ??= {
        lastSeq,
        list: this.#encode(items, batch, lastSeq),
        turns: turns.size > 0 ? encodeTurns([...turns.values()], this.#shapeOf) : undefined,
        message: undefined,
      };
      if (turns.size > 0) audience.turns = new Map();
      if (key !== undefined) shared.set(key, bytes);
      sent.set(audience, bytes);
    }
    this.#active = [];
    return sent;
  }

  #match(change: RowChange, place: number, i: number, noted: readonly JoinNote[] | undefined): void {
    for (const audience of this.#touch(change, noted)) {
      const { was, is } = turnOf(audience);
      if (!was && !is) continue;
      this.#activate(audience);
      if (audience.turns.size > 0) audience.turns.delete(nameOf(change));
      audience.items.push(place, i * 2 + (is ? 0 : 1));
    }
    this.#touched.length = 0;
  }

  /** Fills `#touched` with the audiences that a change may concern, and their flags. */
  #touch(change: RowChange, noted: readonly JoinNote[] | undefined): readonly Audience[] {
    this.#mark++;
    this.#queries.match(change, this.#audienceOfChange);
    for (const { query, tableId, key, before, after } of noted ?? [])
      if (key === change.key && tableId === change.tableId) this.#audienceOfChange(query, before, after);
    return this.#touched;
  }

  #turnView(change: RowChange, noted: readonly JoinNote[]): void {
    for (const audience of this.#touch(change, noted)) {
      const { was, is } = turnOf(audience);
      if (!was && !is) continue;
      this.#activate(audience);
      audience.turns.set(nameOf(change), is ? change : { ...change, after: undefined });
    }
    this.#touched.length = 0;
  }

  /** Rows that a commit has not changed, and yet made somebody's or nobody's. */
  #turn(noted: readonly JoinNote[]): void {
    const byRow = new Map<string, JoinNote[]>();
    for (const note of noted) {
      // Ephemeral rows have a way of their own.
      if (note.isChanged || note.row === undefined || note.query.table.ephemeral) continue;
      const known = byRow.get(nameOf(note));
      if (known === undefined) byRow.set(nameOf(note), [note]);
      else known.push(note);
    }
    for (const [name, notes] of byRow) {
      this.#mark++;
      for (const { query, before, after } of notes) this.#audienceOfChange(query, before, after);
      const { tableId, key, row } = notes[0] as JoinNote;
      for (const audience of this.#touched) {
        // What the row is by itself, it was and is.
        const isAlone = (query: SharedQuery): boolean =>
          query.table.tableId === tableId && row !== undefined && query.containsAlone(row);
        if (audience.plus.some(isAlone)) audience.flags |= wasPlus | isPlus;
        if (audience.minus.some(isAlone)) audience.flags |= wasMinus | isMinus;
        const { was, is } = turnOf(audience);
        if (was === is) continue;
        this.#activate(audience);
        audience.turns.set(name, { tableId, key, before: undefined, after: is ? row : undefined });
      }
      this.#touched.length = 0;
    }
  }

  #activate(audience: Audience): void {
    if (audience.items.length === 0 && audience.turns.size === 0) this.#active.push(audience);
  }

  #note(audience: Audience, flags: number): void {
    if (audience.mark !== this.#mark) {
      audience.mark = this.#mark;
      audience.flags = 0;
      this.#touched.push(audience);
    }
    audience.flags |= flags;
  }

  #encode(items: readonly number[], { commits, bytes }: CommitSpan, lastSeq: Seq): Uint8Array {
    const writer = new ByteWriter();
    writer.varint(new Set(items.filter((_, at) => at % 2 === 0)).size);
    for (let at = 0; at < items.length; ) {
      const place = items[at] as number;
      let end = at;
      while (items[end] === place && end < items.length) end += 2;
      const commit = commits[place] as BatchCommit;
      beginCommit(writer, commit, lastSeq, (end - at) / 2);
      for (; at < end; at += 2) this.#encodeItem(writer, commit, items[at + 1] as number, bytes);
    }
    return writer.take();
  }

  #encodeItem(writer: ByteWriter, { changes, offsets }: BatchCommit, item: number, bytes: Uint8Array): void {
    const i = item >> 1;
    const change = changes[i] as RowChange;
    if (item % 2 === 1 && change.after !== undefined) encodeLeave(writer, change, this.#shapeOf(change.tableId));
    else writer.raw(bytes.subarray(offsets[i], offsets[i + 1]));
  }
}

/** Rows that entered or left without having changed, and rows of views, as a list of one commit. */
export function encodeTurns(turns: readonly RowChange[], shapeOf: (tableId: number) => RowShape): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(1);
  writer.varint(0);
  writer.u64(0n);
  writer.varint(turns.length);
  for (const change of turns) {
    const shape = shapeOf(change.tableId);
    encodeChange(writer, { ...change, tableId: shape.table.wireTableId ?? change.tableId }, shape);
  }
  return writer.take();
}

export function beginCommit(
  writer: ByteWriter,
  commit: Pick<BatchCommit, 'seq' | 'timestampMicros'>,
  lastSeq: Seq,
  changeCount: number,
): void {
  writer.varint(lastSeq - commit.seq);
  writer.u64(BigInt(commit.timestampMicros));
  writer.varint(changeCount);
}

/**
 * A session without outcomes of its own shares the bytes of the others. One that has some gets them in the writer, and
 * they are good until it is used again.
 */
export function batchMessage(writer: ByteWriter, commits: CommitBytes, outcomes: ToldOutcomes): Uint8Array {
  if (outcomes.count === 0 && commits.message !== undefined) return commits.message;
  writer.reset();
  encodeBatch(writer, commits, outcomes);
  if (outcomes.count > 0) return writer.view();
  commits.message = writer.take();
  return commits.message;
}

/** Whether the audience had the row that its flags are about, and has it. */
function turnOf({ flags }: Audience): { readonly was: boolean; readonly is: boolean } {
  return { was: (flags & (wasPlus | wasMinus)) === wasPlus, is: (flags & (isPlus | isMinus)) === isPlus };
}

function nameOf({ tableId, key }: { readonly tableId: number; readonly key: Key }): string {
  return `${tableId} ${typeof key} ${String(key)}`;
}

/** In the writer, like those of `batchMessage`. */
export function outcomesMessage(writer: ByteWriter, outcomes: ToldOutcomes, lastSeq: Seq): Uint8Array {
  writer.reset();
  encodeBatch(writer, { lastSeq, list: noCommits, turns: undefined }, outcomes);
  return writer.view();
}

/** What changed of rows that are on their way in or out with a subscription. */
export function stagedMessage(subscriptionId: number, { lastSeq, list, turns }: CommitBytes): Uint8Array {
  const writer = new ByteWriter();
  for (const each of turns === undefined ? [list] : [list, turns]) encodeStaged(writer, subscriptionId, lastSeq, each);
  return writer.take();
}

/** What is in no commit follows its batch in the same frame. */
function encodeBatch(
  writer: ByteWriter,
  { lastSeq, list, turns }: Omit<CommitBytes, 'message'>,
  outcomes: ToldOutcomes,
): void {
  writer.u8(serverTag.batch);
  writer.varint(lastSeq);
  writer.varint(outcomes.count);
  outcomes.write(writer, lastSeq);
  writer.raw(list);
  if (turns !== undefined) encodeStaged(writer, 0, lastSeq, turns);
}

function encodeStaged(writer: ByteWriter, subscriptionId: number, lastSeq: Seq, list: Uint8Array): void {
  writer.u8(serverTag.staged);
  writer.varint(subscriptionId);
  writer.varint(lastSeq);
  writer.raw(list);
}
