/**
 * The newest batches, for clients that come back soon: contiguous, and as the bytes that went to the log. As objects they
 * would take ten times the memory and keep the garbage collector busy under load, and hardly any of them is asked for.
 */

import type { BatchCommit, DurableBatch } from '../authority/batch.ts';
import { recordKind } from '../authority/record.ts';
import { BatchCursor, walkBatch } from '../authority/record-reader.ts';
import type { Seq } from '../commit/call.ts';
import type { RowChange } from '../commit/row-change.ts';
import type { RowShape } from '../engine/row-shape.ts';
import { limits } from '../limits.ts';

/** Commits whose changes lack `before`: whoever comes back knows the rows that they replace. */
export interface RecentBatch {
  readonly commits: readonly BatchCommit[];
  readonly bytes: Uint8Array;
}

interface KeptBatch {
  readonly number: number;
  readonly firstSeq: Seq;
  readonly commitCount: number;
  readonly bytes: Uint8Array;
}

export class RecentBatches {
  #kept: KeptBatch[] = [];
  /** Of `#kept`, those that are dropped already. */
  #dropped = 0;
  #keptBytes = 0;
  readonly #bytesMax: number;

  constructor(bytesMax: number = limits.recentBytesMax) {
    this.#bytesMax = bytesMax;
  }

  add({ number, firstSeq, commits, bytes }: DurableBatch): void {
    if (commits.length === 0) return;
    this.#kept.push({ number, firstSeq, commitCount: commits.length, bytes });
    this.#keptBytes += bytes.length;
    while (this.#keptBytes > this.#bytesMax && this.#dropped < this.#kept.length - 1)
      this.#keptBytes -= (this.#kept[this.#dropped++] as KeptBatch).bytes.length;
    // A shift for each would move all the others.
    if (this.#dropped < this.#kept.length / 2) return;
    this.#kept = this.#kept.slice(this.#dropped);
    this.#dropped = 0;
  }

  /** All batches with commits above `seq`, up to the newest, `durableSeq`; undefined when they are kept no longer. */
  after(seq: Seq, durableSeq: Seq, shapeOf: (tableId: number) => RowShape): RecentBatch[] | undefined {
    const kept = this.#kept.slice(this.#dropped);
    if (seq + 1 < (kept[0]?.firstSeq ?? durableSeq + 1)) return undefined;
    return kept
      .filter(({ firstSeq, commitCount }) => firstSeq + commitCount - 1 > seq)
      .map((batch) => ({ commits: commitsOf(batch, shapeOf), bytes: batch.bytes }));
  }
}

function commitsOf(batch: KeptBatch, shapeOf: (tableId: number) => RowShape): BatchCommit[] {
  const commits: BatchCommit[] = [];
  walkBatch(batch, new BatchCursor(shapeOf), (cursor) => {
    if (cursor.kind !== recordKind.commit) {
      cursor.record();
      return;
    }
    const { seq, timestampMicros } = cursor;
    const changes: RowChange[] = [];
    const offsets: number[] = [];
    while (cursor.nextChange()) {
      offsets.push(cursor.start);
      changes.push(cursor.change());
    }
    offsets.push(cursor.end);
    commits.push({ seq, timestampMicros, changes, offsets });
  });
  return commits;
}
