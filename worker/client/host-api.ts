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
import type { ColumnType, ProductType } from '../../core/value/column-type.ts';

export interface HostApi {
  /** Starts the replica and the connection. Resolves when calls and queries can be made, with or without a connection. */
  readonly open: (options: HostOptions, listener: HostListener) => Promise<void>;
  readonly call: (request: HostCall) => void;
  readonly watch: (request: WatchRequest) => void;
  readonly unwatch: (queryId: number) => void;
  /** Send the row changes of this table from now on. */
  readonly watchRows: (tableId: number) => void;
  /** Wants these rows too; what comes of it is told as `subscription` events. */
  readonly subscribe: (request: HostSubscription) => void;
  readonly unsubscribe: (subscriptionId: number) => void;
  readonly simulate: (simulation: Simulation) => void;
  /** The network may be back, or somebody looks at the page again: a pause between attempts to connect ends. */
  readonly wake: () => void;
  /** New code of the module, by where it is to be imported from: the development server's way. */
  readonly adopt: (url: string) => Promise<void>;
  readonly answer: (answer: PageAnswer) => void;
  /** Wipes what is kept on this device, for every page. Resolves when it is gone. */
  readonly forget: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** What a page decides when it was asked. */
export type PageAnswer =
  /** Of a `moduleChanged`: send the calls, but for these. */
  | { readonly type: 'reviewed'; readonly discard: readonly number[] }
  /** An unsendable call needs to be kept no longer. */
  | { readonly type: 'dismiss'; readonly key: number };

export type HostListener = (events: readonly HostEvent[]) => void;

export interface HostOptions {
  /** `ws://…/v1/database/<name>/subscribe`, or where an in-process authority is. */
  readonly url: string;
  /** Names what is stored on this device. */
  readonly replica: string;
  readonly storage: StorageOption | { readonly unavailable: string };
  /** Drawn at random by a page that shares its host with others; empty for one that does not. */
  readonly pageId: string;
  /** Shown to the authority instead of a stored one. */
  readonly token: string | undefined;
  /** Raise errors for what a reducer must not use. */
  readonly guard: boolean;
  /** What to subscribe to from the start: all public tables, or these queries. */
  readonly subscribe: 'all' | readonly SubscriptionSource[];
}

export interface HostSubscription {
  /** Numbered by the page. */
  readonly subscriptionId: number;
  /** The rows are those of any of them. */
  readonly queries: readonly SubscriptionSource[];
}

/** SQL, with values of its `?` as a column of their type stores them, or a query of the builder. */
export type SubscriptionSource =
  | string
  | { readonly text: string; readonly params: readonly SqlValue[] }
  | { readonly spec: QuerySpec };

/** Where what a client does is kept: on the device, which may evict it; there, until the user deletes it; nowhere. */
export type StorageOption = 'device' | 'durable' | 'memory' | { readonly folder: string };

export interface HostCall {
  /** Numbered by the page, to tell its calls apart in events. */
  readonly handleId: number;
  readonly reducerId: number;
  /** An object by the reducer's parameters, which the host checks. */
  readonly args: unknown;
  /** It was made at another host, which may have heard of it. */
  readonly again: boolean;
}

/** A call of an earlier page that is not answered yet. */
export interface EarlierCall {
  readonly handleId: number;
  readonly reducerId: number;
  readonly args: unknown;
  readonly prediction: PredictionSummary;
  readonly timestampMicros: number;
}

/** A call that this version of the module can't take; kept until it is dismissed. */
export interface UnsendableCall {
  readonly key: number;
  readonly reducer: string;
  /** The type of the arguments when it was made, and they. */
  readonly params: ProductType;
  readonly args: unknown;
  readonly timestampMicros: number;
  readonly reason: string;
  readonly sent: 'no' | 'maybe' | 'answered';
}

export interface WatchRequest {
  readonly queryId: number;
  readonly source: QuerySource;
}

/** What a live query asks for. */
export type QuerySource =
  | { readonly type: 'sql'; readonly sql: string; readonly params: readonly SqlValue[] }
  /** Of the builder: its rows are typed. */
  | { readonly type: 'query'; readonly spec: QuerySpec };

/** For demos and tests: what a bad network does, felt at will. */
export interface Simulation {
  /** Added to every round trip. */
  readonly latencyMs?: number;
  readonly offline?: boolean;
  /** False: calls go to the authority without running here first. */
  readonly prediction?: boolean;
}

/** Stands for what a page is subscribed to from the start; its own subscriptions are numbered from 1. */
export const openingId = 0;

export type HostEvent =
  | { readonly type: 'status'; readonly status: ClientStatus }
  | { readonly type: 'call'; readonly handleId: number; readonly progress: CallProgress }
  | { readonly type: 'rows'; readonly queryId: number; readonly update: RowsUpdate }
  /** `message` says why it failed. */
  | {
      readonly type: 'subscription';
      readonly subscriptionId: number;
      readonly state: 'applied' | 'ended' | 'failed';
      readonly message: string;
      readonly detail?: unknown;
    }
  | {
      readonly type: 'queryFailed';
      readonly queryId: number;
      readonly message: string;
      readonly detail: unknown;
    }
  | { readonly type: 'changes'; readonly tableId: number; readonly changes: readonly ChangedValues[] }
  /** Calls of earlier pages, which wait for their answer as this page's do. */
  | { readonly type: 'earlier'; readonly calls: readonly EarlierCall[] }
  /** The module is another one than that of these calls. They wait for `reviewed`. */
  | { readonly type: 'moduleChanged'; readonly calls: readonly EarlierCall[] }
  | { readonly type: 'unsendable'; readonly calls: readonly UnsendableCall[] }
  | { readonly type: 'forgotten' }
  | { readonly type: 'difference'; readonly difference: ReplicaDifference }
  | { readonly type: 'counters'; readonly counters: ClientCounters };

export interface ClientCounters {
  readonly pending: number;
  readonly confirmed: number;
  /** Predicted, and something else at the authority. */
  readonly diverged: number;
  readonly unpredicted: number;
  readonly rolledBack: number;
  readonly replayed: number;
  /** Spent on making rows right again after messages of the authority, replays included. */
  readonly reconcileMs: number;
  /** Tables whose rows have been compared with the authority's, and how often they were not the same. */
  readonly checked: number;
  readonly differences: number;
}

/** Rows here were not those of the authority. Always a mistake of ours, or damage; please report it. */
export interface ReplicaDifference {
  readonly tables: readonly string[];
  /** All rows have been asked for and are right again. When they differed shortly before too, they are left as they are. */
  readonly isRepaired: boolean;
  /** Rows that are others since; those that have changed in the meantime count too. */
  readonly rowCount: number;
  /** Some of them, as text. */
  readonly samples: readonly {
    readonly table: string;
    readonly here: string | undefined;
    readonly there: string | undefined;
  }[];
}

export type CallProgress =
  | { readonly type: 'predicted'; readonly prediction: PredictionSummary; readonly timestampMicros: number }
  /** It survives a reload. */
  | { readonly type: 'stored' }
  /** A replay changed what the call does. */
  | { readonly type: 'outcomeChanged'; readonly from: OutcomeSummary; readonly to: OutcomeSummary }
  | {
      readonly type: 'confirmed';
      readonly seq: number | undefined;
      readonly asPredicted: boolean;
      /** How often it ran again here before. */
      readonly replays: number;
    }
  | { readonly type: 'rejected'; readonly rejection: Rejection };

/**
 * What a call did before a replay, and does since: the first twenty rows that it changes, so that one can be told from the
 * other. None beyond the first 200 calls that one message of the authority has made others.
 */
export type OutcomeSummary = PredictionSummary & { readonly changes: readonly ToldChange[] };

/** Rows as text (JSON, big numbers with an n), cut off at 500 characters; undefined where there is none. */
export interface ToldChange {
  readonly table: string;
  readonly key: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

export type PredictionSummary =
  /** `guess`: it read what may lie outside the client's subscriptions, and says so; the authority knows. */
  | { readonly type: 'predicted'; readonly changedRows: number; readonly guess?: string }
  | { readonly type: 'failing'; readonly rejection: Rejection; readonly guess?: string }
  | { readonly type: 'unpredicted'; readonly reason: string };

/** Whether what this client does would survive a reload. `reason` is there when it was to be kept and can't be. */
export type StorageStatus =
  | { readonly type: 'device' }
  | { readonly type: 'memory'; readonly reason: string | undefined };

export interface CommonStatus {
  /** The subscribed rows have been here once, from the authority or from this device. */
  readonly ready: boolean;
  /** Calls that are not answered yet. */
  readonly pending: number;
  /** 64 hex digits, once known. */
  readonly identity: string | undefined;
  readonly storage: StorageStatus;
}

export type ClientStatus = CommonStatus &
  (
    | { readonly type: 'connecting' }
    /**
     * `otherModule`: the authority runs another version of the module, and says how it differs. This one goes on with it; a
     * reload has the other.
     */
    | { readonly type: 'live'; readonly progress: number; readonly otherModule: string | undefined }
    | { readonly type: 'offline'; readonly retryMs: number; readonly message: string }
    /**
     * The authority runs another version of the module, which this one can't work with: `message` says how they differ.
     * Rows and calls are kept; calls are sent once a page with the new version is loaded.
     */
    | { readonly type: 'stale'; readonly message: string }
    /** It won't try again: `code` says why. */
    | { readonly type: 'stopped'; readonly code: ErrorCode; readonly message: string }
  );

/** A result as differences to the one before. */
export interface RowsUpdate {
  /** With the first update of a query, and with that of another host. */
  readonly shape?: ResultShape;
  readonly change: /** Per row its place in the result before, or -1 for the next fresh one. */
    | { readonly type: 'order'; readonly places: Int32Array }
    /** One after the other: the next fresh row comes in at this place, or at `-1 - place` one goes out. */
    | { readonly type: 'edits'; readonly places: Int32Array };
  /** Rows that were not in the result before. */
  readonly fresh: readonly RowValues[];
}

export interface ResultShape {
  readonly columns: readonly string[];
  /** Of a query of the builder; other SQL gives what SQLite stores. */
  readonly types: readonly ColumnType[] | undefined;
}

/** In the order of the columns. Rows travel like this, since it is what the browser clones fastest. */
export type RowValues = readonly unknown[];

/** The row before and after; either may be absent. */
export type ChangedValues = readonly [before: RowValues | undefined, after: RowValues | undefined];
