/** What the main thread and the storage thread say to each other: one message a batch, whatever the number of its calls. */

import type { Seq } from '../../core/commit/call.ts';
import { type ErrorCode, ForerunError } from '../../core/errors.ts';
import type { LogExtent } from './batch-table.ts';
import type { DatabaseBirth } from './database-file.ts';
import type { StorageOptions } from './sqlite-storage.ts';

/** With which the thread is started. */
export interface ThreadOptions {
  readonly storage: StorageOptions;
  /** Where the bytes of a batch are left for the thread; batches that don't fit, or come while it is in use, travel by themselves. */
  readonly mailbox: Uint8Array<SharedArrayBuffer>;
  /** What the main thread counts up as long as it answers. */
  readonly signs: Int32Array<SharedArrayBuffer>;
  /** The tables follow the log once it is so many bytes ahead; below that, when nothing was appended for a while. */
  readonly behindBytesMax: number;
}

export type ToThread =
  | {
      readonly type: 'append';
      readonly number: number;
      readonly firstSeq: Seq;
      readonly commitCount: number;
      /** Transferred; or how many are in the mailbox. */
      readonly bytes: Uint8Array | number;
    }
  | { readonly type: 'close' };

export type FromThread =
  /** The batch of this number is durable; answers come in the order of the appends. By far the most frequent message, so it is nothing but the number. */
  | number
  | { readonly type: 'opened'; readonly birth: DatabaseBirth; readonly extent: LogExtent }
  | { readonly type: 'refused'; readonly error: PlainError }
  | { readonly type: 'failed'; readonly error: PlainError }
  /** Older batches were dropped. */
  | { readonly type: 'extent'; readonly extent: LogExtent }
  | { readonly type: 'tablesFailed'; readonly error: PlainError }
  | { readonly type: 'closed' };

/** An error that can be cloned. */
export interface PlainError {
  readonly code: ErrorCode;
  readonly message: string;
}

export function plainError(error: unknown): PlainError {
  if (error instanceof ForerunError) return { code: error.code, message: error.message };
  return { code: 'internal', message: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
}

export function errorOf({ code, message }: PlainError): ForerunError {
  return new ForerunError(code, message);
}
