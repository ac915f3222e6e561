/** A commit: what one successful call did. The log of commits, numbered 1, 2, 3 … without holes, is the truth. */

import type { CallId, Seq } from './call.ts';
import type { RowChange } from './row-change.ts';

export interface Commit {
  readonly seq: Seq;
  readonly timestampMicros: number;
  /** Set when the receiver's own call made this commit. */
  readonly ownCallId: CallId | undefined;
  readonly changes: readonly RowChange[];
}
