/**
 * The newest batches, for clients that come back soon: contiguous, and as the bytes that went to the log. As objects they
 * would take ten times the memory and keep the garbage collector busy under load, and hardly any of them is asked for.
 *
 * Law: what is kept lies in blocks that are used again, since memory that is fresh for each batch costs more than filling
 * it; so whoever asks for a batch is given bytes of his own.
 */

import { type BatchCommit, type DurableBatch, readCommits } from '../authority/batch.ts';
import { ByteReader } from '../codec/bytes.ts';
import type { Seq } from '../commit/call.ts';
import type { LogBatch } from '../commit/log.ts';
import type { RowShape } from '../engine/row-shape.ts';
import { limits } from '../limits.ts';
import { ByteBlocks, type KeptBytes } from './byte-blocks.ts';

export interface RecentBatch {
  readonly commits: readonly BatchCommit[];
  readonly bytes: Uint8Array;
  /** Whether the changes have the rows that they replaced: what undoes a batch is in no log. */
  readonly isBeforeKnown: boolean;
}

interface KeptBatch extends Omit<LogBatch, 'bytes'> {
  readonly log: KeptBytes;
  /** What its rows were before, if that is kept. */
  readonly before: KeptBytes | undefined;
}

export class RecentBatches {
  #kept: KeptBatch[] = [];
  /** Of `#kept`, those that are dropped already. */
  #dropped = 0;
  #keptBytes = 0;
  readonly #bytesMax: number;
  readonly #blocks = new ByteBlocks();

  constructor(bytesMax: number = limits.recentBytesMax) {
    this.#bytesMax = bytesMax;
  }

  /** `isAsked`: somebody is subscribed to something, and may come back. */
  add(batch: DurableBatch, isAsked: boolean): void {
    const { number, firstSeq, commitCount, bytes } = batch;
    if (commitCount === 0) return;
    const log = this.#blocks.keep(bytes);
    const kept = { number, firstSeq, commitCount, log, before: isAsked ? this.#blocks.keep(batch.before) : undefined };
    this.#kept.push(kept);
    this.#keptBytes += sizeOf(kept);
    while (this.#keptBytes > this.#bytesMax && this.#dropped < this.#kept.length - 1)
      this.#drop(this.#kept[this.#dropped++] as KeptBatch);
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
      .map((batch) => read(batch, shapeOf));
  }

  /** The first batch with commits above `seq`, of which there are some; undefined when it is kept no longer. */
  next(seq: Seq, durableSeq: Seq, shapeOf: (tableId: number) => RowShape): RecentBatch | undefined {
    if (!this.reaches(seq, durableSeq)) return undefined;
    let [low, high] = [this.#dropped, this.#kept.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const { firstSeq, commitCount } = this.#kept[middle] as KeptBatch;
      if (firstSeq + commitCount - 1 > seq) high = middle;
      else low = middle + 1;
    }
    const batch = this.#kept[low];
    return batch && read(batch, shapeOf);
  }

  #drop(batch: KeptBatch): void {
    this.#keptBytes -= sizeOf(batch);
    this.#blocks.drop(batch.log);
    if (batch.before !== undefined) this.#blocks.drop(batch.before);
  }
}

function read({ log, before, ...batch }: KeptBatch, shapeOf: (tableId: number) => RowShape): RecentBatch {
  const bytes = log.bytes.slice();
  return {
    commits: readCommits({ ...batch, bytes }, shapeOf, before && new ByteReader(before.bytes)),
    bytes,
    isBeforeKnown: before !== undefined,
  };
}

function sizeOf({ log, before }: KeptBatch): number {
  return log.bytes.length + (before?.bytes.length ?? 0);
}
