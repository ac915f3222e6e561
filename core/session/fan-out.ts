/**
 * Who gets what of some commits. A row change finds the queries that it concerns, they lead to their audiences, and each
 * audience is sent the change, or that the row has left. Nobody else is looked at. Audiences that are sent the same share
 * its bytes, which are mostly slices of the batch's own; only the outcomes of a session's own calls are its own.
 */

import type { BatchCommit } from '../authority/batch.ts';
import { ByteWriter } from '../codec/bytes.ts';
import type { Outcome, Seq } from '../commit/call.ts';
import type { RowChange } from '../commit/row-change.ts';
import { encodeLeave } from '../engine/change-codec.ts';
import type { RowShape } from '../engine/row-shape.ts';
import { encodeOutcome, serverTag } from '../protocol/frame.ts';
import type { Audience, SharedQueries, SharedQuery } from './shared-query.ts';

/** Commits as one audience is sent them: a list of commits, encoded. */
export interface CommitBytes {
  readonly lastSeq: Seq;
  readonly list: Uint8Array;
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
  distribute(batch: CommitSpan, lastSeq: Seq): Map<Audience, CommitBytes> {
    const sent = new Map<Audience, CommitBytes>();
    if (this.#queries.size === 0) return sent;
    for (const [place, { changes }] of batch.commits.entries()) {
      for (let i = 0; i < changes.length; i++) this.#match(changes[i] as RowChange, place, i);
    }
    const shared = new Map<string, CommitBytes>();
    for (const audience of this.#active) {
      const { items } = audience;
      audience.items = [];
      const key = items.length > comparedItemsMax ? undefined : items.join();
      let bytes = key === undefined ? undefined : shared.get(key);
      bytes ??= { lastSeq, list: this.#encode(items, batch, lastSeq), message: undefined };
      if (key !== undefined) shared.set(key, bytes);
      sent.set(audience, bytes);
    }
    this.#active = [];
    return sent;
  }

  #match(change: RowChange, place: number, i: number): void {
    this.#mark++;
    this.#queries.match(change, this.#audienceOfChange);
    for (const audience of this.#touched) {
      const { flags, items } = audience;
      const was = (flags & (wasPlus | wasMinus)) === wasPlus;
      const is = (flags & (isPlus | isMinus)) === isPlus;
      if (!was && !is) continue;
      if (items.length === 0) this.#active.push(audience);
      items.push(place, i * 2 + (is ? 0 : 1));
    }
    this.#touched.length = 0;
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

export function beginCommit(writer: ByteWriter, commit: BatchCommit, lastSeq: Seq, changeCount: number): void {
  writer.varint(lastSeq - commit.seq);
  writer.u64(BigInt(commit.timestampMicros));
  writer.varint(changeCount);
}

/** A session without outcomes of its own shares the bytes of the others. */
export function batchMessage(commits: CommitBytes, outcomes: readonly Outcome[]): Uint8Array {
  if (outcomes.length > 0) return encodeBatch(commits.lastSeq, outcomes, commits.list);
  commits.message ??= encodeBatch(commits.lastSeq, outcomes, commits.list);
  return commits.message;
}

export function outcomesMessage(outcomes: readonly Outcome[], lastSeq: Seq): Uint8Array {
  return encodeBatch(lastSeq, outcomes, noCommits);
}

/** What changed of rows that are on their way in or out with a subscription. */
export function stagedMessage(subscriptionId: number, { lastSeq, list }: CommitBytes): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(serverTag.staged);
  writer.varint(subscriptionId);
  writer.varint(lastSeq);
  writer.raw(list);
  return writer.take();
}

function encodeBatch(lastSeq: Seq, outcomes: readonly Outcome[], list: Uint8Array): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(serverTag.batch);
  writer.varint(lastSeq);
  writer.varint(outcomes.length);
  for (const outcome of outcomes) encodeOutcome(writer, outcome, lastSeq);
  writer.raw(list);
  return writer.take();
}
