/**
 * Who gets what of a durable batch. The commits are encoded once per distinct set of tables, from slices of the batch's
 * own bytes; only the outcomes of a session's own calls are its own.
 */

import type { BatchCommit } from '../authority/batch.ts';
import { ByteWriter } from '../codec/bytes.ts';
import type { Outcome, Seq } from '../commit/call.ts';
import { encodeOutcome, serverTag } from '../protocol/frame.ts';
import type { RecentBatch } from './recent-batches.ts';

/** Tables that a session is sent changes of, as a set with an identity: equal sets share their bytes. */
export class TableSet {
  readonly id: string;
  readonly #tables: ReadonlySet<number>;

  constructor(tableIds: Iterable<number>) {
    const sorted = [...new Set(tableIds)].sort((a, b) => a - b);
    this.id = sorted.join();
    this.#tables = new Set(sorted);
  }

  get isEmpty(): boolean {
    return this.#tables.size === 0;
  }

  has(tableId: number): boolean {
    return this.#tables.has(tableId);
  }
}

interface EncodedCommits {
  readonly bytes: Uint8Array;
  readonly count: number;
  /** The whole message for those who have no outcomes in it, once one of them has asked. */
  message: Uint8Array | undefined;
}

/** The commits part of batch messages about one span of commits, made on demand and kept per set. */
export class CommitBytes {
  readonly #batches: readonly RecentBatch[];
  readonly #after: Seq;
  readonly #lastSeq: Seq;
  readonly #bySet = new Map<string, EncodedCommits>();

  /** Commits of `batches` with a seq above `after`. */
  constructor(batches: readonly RecentBatch[], after: Seq, lastSeq: Seq) {
    this.#batches = batches;
    this.#after = after;
    this.#lastSeq = lastSeq;
  }

  /** The message, or undefined when it would say nothing. Sessions without outcomes of their own share its bytes. */
  message(set: TableSet, outcomes: readonly Outcome[]): Uint8Array | undefined {
    const commits = this.#commits(set);
    if (outcomes.length > 0) return this.#encodeMessage(commits, outcomes);
    if (commits.count > 0) commits.message ??= this.#encodeMessage(commits, outcomes);
    return commits.message;
  }

  #encodeMessage(commits: EncodedCommits, outcomes: readonly Outcome[]): Uint8Array {
    const writer = new ByteWriter();
    writer.u8(serverTag.batch);
    writer.varint(this.#lastSeq);
    writer.varint(outcomes.length);
    for (const outcome of outcomes) encodeOutcome(writer, outcome, this.#lastSeq);
    writer.raw(commits.bytes);
    return writer.take();
  }

  #commits(set: TableSet): EncodedCommits {
    let commits = this.#bySet.get(set.id);
    if (commits === undefined) this.#bySet.set(set.id, (commits = this.#encode(set)));
    return commits;
  }

  #encode(set: TableSet): EncodedCommits {
    const body = new ByteWriter();
    let count = 0;
    // A batch makes its commits when it is asked for them.
    for (const batch of set.isEmpty ? [] : this.#batches) {
      for (const commit of batch.commits) {
        if (commit.seq > this.#after && this.#encodeCommit(body, commit, batch.bytes, set)) count++;
      }
    }
    const writer = new ByteWriter();
    writer.varint(count);
    writer.raw(body.view());
    return { bytes: writer.take(), count, message: undefined };
  }

  #encodeCommit(writer: ByteWriter, commit: BatchCommit, bytes: Uint8Array, set: TableSet): boolean {
    const { changes, offsets } = commit;
    let visible = 0;
    for (const change of changes) if (set.has(change.tableId)) visible++;
    if (visible === 0) return false;
    writer.varint(this.#lastSeq - commit.seq);
    writer.u64(BigInt(commit.timestampMicros));
    writer.varint(visible);
    if (visible === changes.length) writer.raw(bytes.subarray(offsets[0], offsets[changes.length]));
    else {
      for (const [i, change] of changes.entries()) {
        if (set.has(change.tableId)) writer.raw(bytes.subarray(offsets[i], offsets[i + 1]));
      }
    }
    return true;
  }
}
