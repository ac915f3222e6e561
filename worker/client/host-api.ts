/**
 * The contract between a page and its host (the worker that has replica and connection): the second wire. In Node and in
 * pages without a worker the same host runs in process, behind the same contract.
 *
 * Everything here can be cloned. Calls of the page are fire and forget; what comes of them arrives as events, all those
 * of one step of the host in one list, so that a page never sees half a step.
 */

import type { Rejection } from '../../core/commit/call.ts';
import type { ErrorCode } from '../../core/errors.ts';
import type { SqlValue } from '../../core/engine/sql-value.ts';
import type { QuerySpec } from '../../core/module/query-spec.ts';

export interface HostApi {
  /** Starts the replica and the connection. Resolves when calls and queries can be made, with or without a connection. */
  readonly open: (options: HostOptions, listener: HostListener) => Promise<void>;
  readonly call: (request: HostCall) => void;
  readonly watch: (request: WatchRequest) => void;
  readonly unwatch: (queryId: number) => void;
  /** Send the row changes of this table from now on. */
  readonly watchRows: (tableId: number) => void;
  readonly simulate: (simulation: Simulation) => void;
  /** New code of the module, by where it is to be imported from: the development server's way. */
  readonly adopt: (url: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

export type HostListener = (events: readonly HostEvent[]) => void;

export interface HostOptions {
  /** `ws://…/v1/database/<name>/subscribe`, or where an in-process authority is. */
  readonly url: string;
  /** Names what is stored on this device. */
  readonly database: string;
  /** Shown to the authority instead of a stored one. */
  readonly token: string | undefined;
  /** Raise errors for what a reducer must not use. */
  readonly guard: boolean;
}

export interface HostCall {
  /** Numbered by the page, to tell its calls apart in events. */
  readonly handleId: number;
  readonly reducerId: number;
  /** BSATN of the parameters. */
  readonly args: Uint8Array;
}

export interface WatchRequest {
  readonly queryId: number;
  readonly source: QuerySource;
}

/** What a live query asks for. */
export type QuerySource =
  | { readonly type: 'sql'; readonly sql: string; readonly params: readonly SqlValue[] }
  /** Of the builder. Its rows are typed, and travel as BSATN. */
  | { readonly type: 'query'; readonly spec: QuerySpec };

/** For demos and tests: what a bad network does, felt at will. */
export interface Simulation {
  /** Added to every round trip. */
  readonly latencyMs?: number;
  readonly offline?: boolean;
  /** False: calls go to the authority without running here first. */
  readonly prediction?: boolean;
}

export type HostEvent =
  | { readonly type: 'status'; readonly status: ClientStatus }
  | { readonly type: 'call'; readonly handleId: number; readonly progress: CallProgress }
  | { readonly type: 'rows'; readonly queryId: number; readonly update: RowsUpdate }
  | { readonly type: 'queryFailed'; readonly queryId: number; readonly message: string }
  /** BSATN as of `decodeStep`: each `before` and `after`, either of which may be absent. */
  | { readonly type: 'changes'; readonly tableId: number; readonly count: number; readonly bytes: Uint8Array }
  | { readonly type: 'counters'; readonly counters: ClientCounters };

export interface ClientCounters {
  readonly pending: number;
  readonly confirmed: number;
  readonly diverged: number;
  readonly rolledBack: number;
  readonly replayed: number;
}

export type CallProgress =
  | { readonly type: 'predicted'; readonly prediction: PredictionSummary; readonly timestampMicros: number }
  /** A replay changed what the call does. */
  | { readonly type: 'outcomeChanged'; readonly from: PredictionSummary; readonly to: PredictionSummary }
  | { readonly type: 'confirmed'; readonly seq: number | undefined; readonly asPredicted: boolean }
  | { readonly type: 'rejected'; readonly rejection: Rejection };

export type PredictionSummary =
  | { readonly type: 'predicted'; readonly changedRows: number }
  | { readonly type: 'failing'; readonly rejection: Rejection }
  | { readonly type: 'unpredicted'; readonly reason: string };

/**
 * `ready`: whether the subscribed rows have been here once. `identity` is 64 hex digits, once known.
 */
export type ClientStatus =
  | {
      readonly type: 'connecting';
      readonly ready: boolean;
      readonly pending: number;
      readonly identity: string | undefined;
    }
  | {
      readonly type: 'live';
      readonly ready: boolean;
      readonly pending: number;
      readonly identity: string | undefined;
      readonly progress: number;
    }
  | {
      readonly type: 'offline';
      readonly ready: boolean;
      readonly pending: number;
      readonly identity: string | undefined;
      readonly retryMs: number;
      readonly message: string;
    }
  /** It won't try again: `code` says why. */
  | {
      readonly type: 'stopped';
      readonly ready: boolean;
      readonly pending: number;
      readonly identity: string | undefined;
      readonly code: ErrorCode;
      readonly message: string;
    };

/** A result as differences to the one before: per row its place there, or -1 for the next fresh one. */
export interface RowsUpdate {
  readonly columns: readonly string[];
  readonly order: Int32Array;
  /** SQL rows as arrays in column order; rows of a builder's query as BSATN one after the other. */
  readonly fresh:
    | { readonly type: 'values'; readonly rows: readonly (readonly SqlValue[])[] }
    | { readonly type: 'bsatn'; readonly bytes: Uint8Array };
}
