/**
 * The wire, `v1.forerun`: everything a client and an authority say to each other. Start reading here.
 *
 * A connection: the client says `hello` and the authority `welcome`; from then on the client makes calls and the
 * authority answers with batches, each of which holds what became durable together: the outcomes of the client's own
 * calls and the commits of the rows it subscribes to. A frame holds one or more messages. `frame.ts` has the bytes,
 * `docs/protocol.md` explains them.
 */

import type { CallId, ClientId, Epoch, IdHint, Outcome, Position, Seq } from '../commit/call.ts';
import type { Commit } from '../commit/commit.ts';
import type { Key, Row, RowChange } from '../commit/row-change.ts';
import type { ErrorCode } from '../errors.ts';
import type { ModuleOutline } from '../module/module-outline.ts';

export type ClientMessage =
  | HelloMessage
  | CallMessage
  | { readonly type: 'subscribe'; readonly subscription: SubscriptionRequest }
  | { readonly type: 'unsubscribe'; readonly subscriptionId: number }
  | AcknowledgeMessage
  | { readonly type: 'ping'; readonly sentMs: number };

/** First on every connection, and only there; a second time after `module`. */
export interface HelloMessage {
  readonly type: 'hello';
  /** `protocolVersion` of the client. */
  readonly version: number;
  /** Of the module whose numbers and bytes the client uses: its own, or the authority's as `module` told it. */
  readonly moduleHash: string;
  readonly clientId: ClientId;
  /** As a `welcome` gave it, or of an issuer that the authority trusts; empty for someone new. */
  readonly token: string;
  /** How far the client's rows are; absent when it has none. */
  readonly position: Position | undefined;
  /** The client has the outcome of every call up to this one. */
  readonly settledCallId: CallId;
  /** What the client wants, and with a position: what its rows are as of. */
  readonly subscriptions: readonly SubscriptionRequest[];
}

/** Rows that a client wants: the union of the queries. `subscriptionId` is the client's own numbering. */
export interface SubscriptionRequest {
  readonly subscriptionId: number;
  /** SQL, `SELECT * FROM …`. */
  readonly queries: readonly string[];
}

/** Run this reducer. Answered by an outcome in a batch, in order; repeated calls are answered again, not run again. */
export interface CallMessage {
  readonly type: 'call';
  readonly callId: CallId;
  readonly reducerId: number;
  /** The client's estimate of the authority's time. */
  readonly timestampMicros: number;
  readonly idHints: IdHint[];
  /** BSATN of the reducer's parameters. */
  readonly args: Uint8Array;
}

/** The client has applied commits up to `seq` and has the outcomes of its calls up to `callId`: they may be forgotten. */
export interface AcknowledgeMessage {
  readonly type: 'acknowledge';
  readonly seq: Seq;
  readonly callId: CallId;
}

export type ServerMessage =
  | WelcomeMessage
  | ModuleMessage
  | BatchMessage
  | SnapshotMessage
  | StagedMessage
  | LeavingMessage
  | { readonly type: 'applied'; readonly subscriptionId: number; readonly seq: Seq }
  | { readonly type: 'ended'; readonly subscriptionId: number; readonly seq: Seq }
  | { readonly type: 'subscriptionRefused'; readonly subscriptionId: number; readonly message: string }
  | EphemeralMessage
  | LeaseMessage
  | CheckMessage
  | { readonly type: 'pong'; readonly sentMs: number; readonly authorityMicros: number }
  | ErrorMessage;

/** What a session puts together from bytes that are there. */
export type RowsFrame = BatchMessage | SnapshotMessage | EphemeralMessage | StagedMessage | LeavingMessage;

/** Answers `hello`. With `resumed`, the missed commits follow as a batch; else a snapshot of all subscriptions. */
export interface WelcomeMessage {
  readonly type: 'welcome';
  readonly epoch: Epoch;
  readonly seq: Seq;
  readonly resumed: boolean;
  /** The last call of this client that the authority has run; later ones are to be sent (again). */
  readonly lastCallId: CallId;
  readonly identity: bigint;
  readonly connectionId: bigint;
  /** To be kept and shown next time; empty when the one shown stays good. */
  readonly token: string;
  readonly databaseIdentity: bigint;
  readonly authorityMicros: number;
}

/**
 * Answers a `hello` with another hash than the authority's, once on a connection. A client whose tables and reducers are in
 * it as it has them says hello again with this hash, and uses these numbers; any other goes, and waits for a newer module.
 */
export interface ModuleMessage {
  readonly type: 'module';
  readonly outline: ModuleOutline;
}

/**
 * Apply in one step: afterwards the client's rows are as of `lastSeq`. A commit whose seq is an outcome's is the
 * client's own. A change without a row says that it is deleted or in no subscription any more. Commits that touch none
 * of the client's rows are left out.
 */
export interface BatchMessage {
  readonly type: 'batch';
  readonly lastSeq: Seq;
  readonly outcomes: readonly Outcome[];
  readonly commits: readonly Commit[];
}

/**
 * Some rows of a subscription that begins, as of the batches before it in the stream: those that are in no other active
 * subscription. They are to be collected until `applied`. `subscriptionId` 0 stands for all those of the hello; until
 * its `applied` batches are about what is collected.
 */
export interface SnapshotMessage {
  readonly type: 'snapshot';
  readonly subscriptionId: number;
  readonly tableId: number;
  /** Rows of this table in all, roughly: for progress. */
  readonly totalRows: number;
  readonly rows: readonly Row[];
}

/**
 * Rows of ephemeral tables, which are in no commit. With a `callId`: what this call of the client's own did to them, ahead
 * of the batch that has its outcome. Without: the newest row of each key that changed, whoever changed it.
 */
export interface EphemeralMessage {
  readonly type: 'ephemeral';
  readonly callId: CallId | undefined;
  /** `changes` has every row of these tables: others that the client has are gone. */
  readonly completeTables: readonly number[];
  readonly changes: readonly RowChange[];
}

/** What changed of the rows that are being collected for a subscription which begins or ends; as a batch otherwise. */
export interface StagedMessage {
  readonly type: 'staged';
  readonly subscriptionId: number;
  readonly lastSeq: Seq;
  readonly commits: readonly Commit[];
}

/** Keys of rows that are in no subscription but the one that ends. They are to be collected, and dropped at `ended`. */
export interface LeavingMessage {
  readonly type: 'leaving';
  readonly subscriptionId: number;
  readonly tableId: number;
  readonly keys: readonly Key[];
}

/** The client may predict these autoInc values, in order: from `from` up to but without `to`. */
export interface LeaseMessage {
  readonly type: 'lease';
  readonly tableId: number;
  readonly column: number;
  readonly from: bigint;
  readonly to: bigint;
}

/** What the authority has of tables that the client has as a whole, as of the batches before it in the stream. */
export interface CheckMessage {
  readonly type: 'check';
  readonly seq: Seq;
  readonly tables: readonly {
    readonly tableId: number;
    readonly rows: number;
    /** As `core/replica/state-hash.ts` counts it. */
    readonly sum: bigint;
  }[];
}

/** The connection ends; `code` says whether to try again. */
export interface ErrorMessage {
  readonly type: 'error';
  readonly code: ErrorCode;
  readonly message: string;
}
