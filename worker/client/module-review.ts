/** What an app is told of calls that were made with another version of its module. */

import { ownValue } from '../../core/codec/own-value.ts';
import { Timestamp } from '../../core/value/timestamp.ts';
import type { CallHandle } from './call-handle.ts';
import type { UnsendableCall } from './host-api.ts';

/**
 * Calls that wait to be sent, and that were made with another version of the module than this page's. They have run here,
 * with the new version on the rows there are: `prediction` of each says what it does now, or how it fails.
 */
export interface ModuleReview {
  readonly calls: readonly CallHandle[];
  /** Sends them, but for those that are to be discarded. Until then none is sent. */
  readonly send: (options?: { readonly discard?: readonly CallHandle[] }) => void;
}

/** A call that this version of the module can't take, so that this version does not send it. It is kept until it is dismissed. */
export interface UnsentCall {
  /** Name of the reducer, as it was; empty when what was kept of the call is damaged. */
  readonly reducer: string;
  /** The arguments, as they were. */
  readonly args: unknown;
  readonly timestamp: Timestamp;
  /** Why it can't be sent. */
  readonly reason: string;
  /**
   * Whether the version that made it had sent it. `maybe` until there is a connection; then `no`, and it has done nothing,
   * or `answered`: the authority has run it, and it took effect or was rejected.
   */
  readonly sent: 'no' | 'maybe' | 'answered';
  /** Forgets it, on this device too. */
  readonly dismiss: () => void;
}

export function unsentCall(call: UnsendableCall, dismiss: () => void): UnsentCall {
  return {
    reducer: call.reducer,
    args: ownValue(call.params)?.(call.args),
    timestamp: new Timestamp(BigInt(call.timestampMicros)),
    reason: call.reason,
    sent: call.sent,
    dismiss,
  };
}
