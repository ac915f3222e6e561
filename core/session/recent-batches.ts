/**
 * The newest batches, for clients that come back soon: contiguous, and as the bytes that went to the log. As objects they
 * would take ten times the memory and keep the garbage collector busy under load, and hardly any of them is asked for.
 */

import { type BatchCommit, type DurableBatch, readCommits } from '../authority/batch.ts';
import type { Seq } from '../commit/call.ts';
import type { LogBatch } from '../commit/log.ts';
import type { RowShape } from '../engine/row-shape.ts';
import { limits } from '../limits.ts';

/** Commits whose changes lack `before`: whoever comes back knows the rows that they replace. */
export interface RecentBatch {
  readonly commits: readonly BatchCommit[];
  readonly bytes: Uint8Array;
}

export class RecentBatches {
  #kept: LogBatch[] = [];
  /** Of `#kept`, those that are dropped already. */
  #dropped = 0;
  #keptBytes = 0;
  readonly #bytesMax: number;

  constructor(bytesMax: number = limits.recentBytesMax) {
    this.#bytesMax = bytesMax;
  }

  add({ number, firstSeq, commitCount, bytes }: DurableBatch): void {
    if (commitCount === 0) return;
    this.#kept.push({ number, firstSeq, commitCount, bytes });
    this.#keptBytes += bytes.length;
    while (this.#keptBytes > this.#bytesMax && this.#dropped < this.#kept.length - 1)
      this.#keptBytes -= (this.#kept[this.#dropped++] as LogBatch).bytes.length;
    // A shift for each would move all the others.
    if (this.#dropped < this.#kept.length / 2) return;
    this.#kept = this.#kept.slice(this.#dropped);
    this.#dropped = 0;
  }

  /** All commits above `seq` are here. */
  reaches(seq: Seq, durableSeq: Seq): boolean {
    return seq + 1 >= (this.#kept[this.#dropped]?.firstSeq ?? durableSeq + 1);
  }

  /** All batches with commits above `seq`, up to the newest, `durableSeq`; undefined when they are kept no longer. */
  after(seq: Seq, durableSeq: Seq, shapeOf: (tableId: number) => RowShape): RecentBatch[] | undefined {
    if (!this.reaches(seq, durableSeq)) return undefined;
    return this.#kept
      .slice(this.#dropped)
      .filter(({ firstSeq, commitCount }) => firstSeq + commitCount - 1 > seq)
      .map((batch) => ({ commits: readCommits(batch, shapeOf), bytes: batch.bytes }));
  }
}
