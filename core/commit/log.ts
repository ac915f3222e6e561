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
  /**
   * Throws `log-unavailable` when it could not be made durable; then nothing of it will ever be read. The bytes are the
   * caller's to write over once it has been answered.
   */
  readonly append: (batch: LogBatch) => Promise<void>;
  /** Batches numbered above `afterBatch`, in order, as far as the log goes at this moment. */
  readonly read: (afterBatch: number) => AsyncIterable<LogBatch>;
  /** Number of the batch that holds this commit, if one does. Where it is missing, batches are read one after the other. */
  readonly find?: (seq: Seq) => Promise<number | undefined>;
  /** Number of the first batch that is still kept, and of the last; 0 and 0 when there is none. */
  readonly extent: () => { readonly first: number; readonly last: number };
  readonly close: () => Promise<void>;
}

/** Number of the batch that holds this commit; undefined when it is not kept, or not there yet. */
export async function findBatch(log: Log, seq: Seq): Promise<number | undefined> {
  if (log.find !== undefined) return log.find(seq);
  const { first, last } = log.extent();
  if (last === 0 || first > last) return undefined;
  for await (const { number, firstSeq, commitCount } of log.read(first - 1)) {
    if (firstSeq > seq) return undefined;
    if (seq < firstSeq + commitCount) return number;
  }
  return undefined;
}

/**
 * The same by halves, where a batch's place is quickly looked up: `placeOf` gives the seq of its first commit, or of the
 * next to come, and the number of its commits.
 */
export function searchBatch(
  { first, last }: { readonly first: number; readonly last: number },
  seq: Seq,
  placeOf: (number: number) => { readonly firstSeq: number; readonly commitCount: number } | undefined,
): number | undefined {
  let [low, high] = [first, last];
  while (low <= high) {
    const middle = Math.floor((low + high) / 2);
    const place = placeOf(middle);
    if (place === undefined) return undefined;
    if (seq < place.firstSeq) high = middle - 1;
    else if (seq >= place.firstSeq + place.commitCount) low = middle + 1;
    else return middle;
  }
  return undefined;
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

  async find(seq: Seq): Promise<number | undefined> {
    return searchBatch(this.extent(), seq, (number) => this.#batches[number - 1]);
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
