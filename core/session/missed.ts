/**
 * What a client missed that is kept in memory no longer: read from the log, while the authority goes on.
 *
 * Law: what is given is contiguous from the client's position on. When the log does not reach back so far, or so much was
 * missed that the rows themselves are less, there is nothing, and the client gets a snapshot.
 */

import { readCommits } from '../authority/batch.ts';
import type { Seq } from '../commit/call.ts';
import { findBatch, type Log, type LogBatch } from '../commit/log.ts';
import type { RowShape } from '../engine/row-shape.ts';
import { ForerunError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { RecentBatch } from './recent-batches.ts';

export interface OlderBatches {
  readonly batches: readonly RecentBatch[];
  /** Of the last commit in them, or the position itself. */
  readonly lastSeq: Seq;
}

/** Batches with commits above `seq`, as far as the log went when it was asked. */
export async function readOlder(
  log: Log,
  seq: Seq,
  shapeOf: (tableId: number) => RowShape,
): Promise<OlderBatches | undefined> {
  const first = await findBatch(log, (seq + 1) as Seq);
  if (first === undefined) return undefined;
  const batches: RecentBatch[] = [];
  let lastSeq: number = seq;
  let bytes = 0;
  try {
    for await (const batch of log.read(first - 1)) {
      if (batch.commitCount === 0) continue;
      if (batch.firstSeq > lastSeq + 1) return undefined;
      bytes += batch.bytes.length;
      if (bytes > limits.resumeBytesMax) return undefined;
      lastSeq = batch.firstSeq + batch.commitCount - 1;
      batches.push(readBatch(batch, shapeOf));
    }
  } catch (error) {
    // It was cut off in between, or can't be read: the rows are here all the same.
    if (error instanceof ForerunError) return undefined;
    throw error;
  }
  return { batches, lastSeq: lastSeq as Seq };
}

/** A log reuses its bytes at will. */
function readBatch(batch: LogBatch, shapeOf: (tableId: number) => RowShape): RecentBatch {
  const bytes = batch.bytes.slice();
  return { commits: readCommits({ ...batch, bytes }, shapeOf), bytes, isBeforeKnown: false };
}
