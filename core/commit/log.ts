/**
 * The log as everything above it sees it: batches appended in order and made durable, and read again from a position.
 *
 * Law: `append` resolves when the batch survives power loss, and not before. Batches are numbered 1, 2, 3 …; one that
 * does not follow the last is refused, so two authorities can't write one log (fencing). Nothing above this interface
 * may know what keeps it. Implementations pass `test/contract/log.ts`.
 */

import { ForerunError } from '../errors.ts';
import type { Seq } from './call.ts';

export interface LogBatch {
  readonly number: number;
  /** Number of the first commit in it, or of the next one to come when it holds none. */
  readonly firstSeq: Seq;
  readonly commitCount: number;
  /** Records, in the form of `core/authority/record.ts`. */
  readonly bytes: Uint8Array;
}

export interface Log {
  /** Throws `log-unavailable` when it could not be made durable; then nothing of it will ever be read. */
  readonly append: (batch: LogBatch) => Promise<void>;
  /** Batches numbered above `afterBatch`, in order, as far as the log goes at this moment. */
  readonly read: (afterBatch: number) => AsyncIterable<LogBatch>;
  /** Number of the first batch that is still kept, and of the last; 0 and 0 when there is none. */
  readonly extent: () => { readonly first: number; readonly last: number };
  readonly close: () => Promise<void>;
}

/** For tests and for authorities that live in a page: durable as long as the object. */
export class MemoryLog implements Log {
  readonly #batches: LogBatch[] = [];

  async append(batch: LogBatch): Promise<void> {
    checkFollows(batch, this.#batches.length);
    this.#batches.push({ ...batch, bytes: batch.bytes.slice() });
  }

  async *read(afterBatch: number): AsyncGenerator<LogBatch> {
    for (let i = afterBatch; i < this.#batches.length; i++) yield this.#batches[i] as LogBatch;
  }

  extent(): { first: number; last: number } {
    return { first: Math.min(1, this.#batches.length), last: this.#batches.length };
  }

  async close(): Promise<void> {}
}

export function checkFollows(batch: LogBatch, last: number): void {
  if (batch.number === last + 1) return;
  throw new ForerunError(
    'log-unavailable',
    `Batch ${batch.number} does not follow batch ${last}: another authority writes this log. Stop one of the two.`,
  );
}
