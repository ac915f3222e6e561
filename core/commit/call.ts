/**
 * A call: one request to run a reducer, and what came of it.
 *
 * `(clientId, callId)` names a call for good: a client numbers its calls 1, 2, 3 … and never gives a number twice, the
 * authority runs each number at most once and in order. Everything a reducer may read beside the rows is in here, so a
 * call gives the same result wherever it runs on the same rows.
 */

import type { ConnectionId } from '../value/connection-id.ts';
import type { Identity } from '../value/identity.ts';

declare const brand: unique symbol;

/** One client replica; outlives reloads and reconnects. 32 hex digits, drawn at random by the client. */
export type ClientId = string & { readonly [brand]: 'ClientId' };

/** Number a client gives its calls: 1, 2, 3 … */
export type CallId = number & { readonly [brand]: 'CallId' };

/** Number of a commit: 1, 2, 3 … without holes; 0 is the state before the first. */
export type Seq = number & { readonly [brand]: 'Seq' };

/** One incarnation of a database, 16 hex digits; positions of different epochs can't be compared. */
export type Epoch = string & { readonly [brand]: 'Epoch' };

/** How far a replica is, and of which incarnation. */
export interface Position {
  readonly epoch: Epoch;
  readonly seq: Seq;
}

export interface Call {
  readonly clientId: ClientId;
  readonly callId: CallId;
  readonly reducerId: number;
  /** Decoded and canonical; belongs to the call, never to the caller. */
  readonly args: unknown;
  /** Microseconds since the Unix epoch; below 2^53. The authority may have set it. */
  readonly timestampMicros: number;
  /** What its client said the time was when it made the call, whatever became of that: the same wherever it runs. */
  readonly proposedMicros: number;
  readonly sender: Identity;
  /** The one on which it came. Null for calls of the database itself; at a client a pending call gets that of each new connection. */
  connectionId: ConnectionId | null;
  /**
   * The autoInc values that the client's prediction drew from its leases: by column the first, and a second hint behind the
   * last of those that follow it. Filled in while it runs.
   */
  readonly idHints: IdHint[];
}

export interface IdHint {
  readonly tableId: number;
  /** Position of the column. */
  readonly column: number;
  readonly first: bigint;
}

/** Why the authority refused a call. `message` is the user's own for a SenderError, ours otherwise. */
export interface Rejection {
  readonly code:
    | 'call-rejected'
    | 'reducer-threw'
    | 'args-invalid'
    | 'reducer-unknown'
    | 'reducer-not-callable'
    | 'call-too-late'
    | 'limit-reached'
    | 'reducer-async'
    | 'nondeterministic'
    | 'unique-violation'
    | 'row-missing'
    | 'row-invalid'
    | 'auto-inc-overflow'
    | 'log-unavailable';
  readonly message: string;
}

/** What a call did, as its caller is told. */
export type Outcome =
  | { readonly type: 'committed'; readonly callId: CallId; readonly seq: Seq }
  /** It changed nothing, so there is no commit; it counts as done all the same. */
  | { readonly type: 'unchanged'; readonly callId: CallId }
  | { readonly type: 'rejected'; readonly callId: CallId; readonly rejection: Rejection };

/** Of 16 bytes. */
export const clientIdFromBytes = (bytes: Uint8Array): ClientId => hex(bytes) as ClientId;
/** Of 8 bytes. */
export const epochFromBytes = (bytes: Uint8Array): Epoch => hex(bytes) as Epoch;

/** Bytes of a ClientId or an Epoch. */
export function idBytes(id: ClientId | Epoch): Uint8Array {
  const bytes = new Uint8Array(id.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(id.slice(i * 2, i * 2 + 2), 16);
  return bytes;
}

/** The database's own: lifecycle hooks and scheduled calls. */
export const databaseClientId: ClientId = '0'.repeat(32) as ClientId;

function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}
