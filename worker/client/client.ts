/**
 * The client object: what an app holds. It makes calls, keeps handles and live rows, and hands the host's events to them.
 * The same in a page and in Node; the host behind it is a worker or in process.
 */

import { argsOf, checkQuery } from '#client-checks';
import { unreachable } from '../../core/assert.ts';
import { ownValue } from '../../core/codec/own-value.ts';
import type { SqlValue } from '../../core/engine/sql-value.ts';
import { ForerunError } from '../../core/errors.ts';
import type { ModuleExports, ReducersOf } from '../../core/module/module.ts';
import type { PageModule, ReducerShape } from '../../core/module/page-module.ts';
import { specOf } from '../../core/module/query-builder.ts';
import type { InferSchema } from '../../core/module/schema.ts';
import type { RowOf } from '../../core/module/table.ts';
import type { Query, TableQuery } from '../../core/module/table-query.ts';
import type { TableShape } from '../../core/module/table-shape.ts';
import type { Tables } from '../../core/module/table-view.ts';
import type { ViewTablesOf } from '../../core/module/view.ts';
import { isSql, type Sql, sqlText } from '../../core/query/sql-template.ts';
import { CallHandle } from './call-handle.ts';
import { openingId } from './host-api.ts';
import type {
  ClientCounters,
  ClientStatus,
  CommonStatus,
  EarlierCall,
  HostApi,
  HostEvent,
  QuerySource,
  ReplicaDifference,
  Simulation,
} from './host-api.ts';
import { type LiveRows, LiveRowsState } from './live-rows.ts';
import { type ModuleReview, type UnsentCall, unsentCall } from './module-review.ts';
import { rowsHere } from './rows-here.ts';
import {
  type SubscriptionCallbacks,
  SubscriptionHandle,
  type SubscriptionQuery,
  subscriptionSource,
} from './subscription-handle.ts';
import { type TableHandle, TableState } from './table-handle.ts';

/** Typed by the module, without generated code. */
export interface Client<M extends ModuleExports> {
  /** Calls a reducer: predicted at once, and answered by the authority. Wrong arguments throw `args-invalid`; in a production build the call is rejected with it. */
  readonly reducers: { readonly [R in keyof ReducersOf<M>]: ReducerCall<ReducersOf<M>[R]> };
  /**
   * Tables and views to query and to watch: `client.tables.player.where((p) => p.score.gte(10))`. A view has rows here
   * while it is subscribed to: `client.subscribe(client.tables.myNotes)`.
   */
  readonly tables: ClientTables<InferSchema<M['default']>> & ClientTables<ViewTablesOf<M>>;
  /** Keeps a query's rows up to date: of the builder, typed, or any SQL that SQLite can run on the replica. */
  live<Row>(query: Query<Row> | Sql<Row>): LiveRows<Row>;
  live<Row = Record<string, SqlValue>>(sql: string, ...params: SqlValue[]): LiveRows<Row>;
  /**
   * Has these rows as well from now on: SQL (its values as `sql` binds them), queries of the builder (filters and semijoins), or whole tables. Calls
   * `onApplied` when they are here, `onError` when the authority refuses.
   */
  readonly subscribe: (
    queries: SubscriptionQuery | readonly SubscriptionQuery[],
    callbacks?: SubscriptionCallbacks,
  ) => SubscriptionHandle;
  readonly status: ClientStatus;
  readonly counters: ClientCounters;
  /** Calls back when `status` or `counters` are others. The result stops it. */
  readonly onStatus: (listener: () => void) => () => void;
  /** Calls back with each call's handle as it is made, and again on every step of its way. The result stops it. */
  readonly onCall: (listener: (handle: CallHandle) => void) => () => void;
  /** Calls back when rows here turn out not to be the authority's: what differed, once it is repaired. The result stops it. */
  readonly onDifference: (listener: (difference: ReplicaDifference) => void) => () => void;
  /** Resolves when the subscribed rows are here, and in the live queries that there are by then: one made later may be empty until its own `ready()`. Rejects when the client stops before, and with `query-invalid` when what `connect` was to subscribe to is refused. */
  readonly ready: () => Promise<void>;
  /**
   * Calls back with the calls that this version of the module can't take, when they are found and when they are
   * dismissed; at once when there are some. The result stops it.
   */
  readonly onUnsent: (listener: (calls: readonly UnsentCall[]) => void) => () => void;
  /**
   * Calls back when calls wait that were made with another version of the module: they are sent when the review says so.
   * Without a listener they are sent at once. To be called right after `connect`. The result stops it.
   */
  readonly onModuleChanged: (listener: (review: ModuleReview) => void) => () => void;
  /**
   * Signs out: wipes what is kept on this device, calls that were not sent included, and ends the client, in every tab.
   * Resolves when it is gone.
   */
  readonly forget: () => Promise<void>;
  /** Slow or no network, or no prediction, to be felt in demos and tests. */
  readonly simulate: (simulation: Simulation) => void;
  /** Ends it: pending calls reject with `client-closed`. */
  readonly close: () => Promise<void>;
}

export type ClientTables<S extends Tables> = {
  readonly [T in keyof S & string]: TableHandle<RowOf<S[T]>> & TableQuery<S[T]>;
};

/** Reducers without parameters are called without arguments. */
export type ReducerCall<Args> =
  Record<never, never> extends Args ? (args?: Args) => CallHandle : (args: Args) => CallHandle;

/** Before the host has said anything. */
export const unknownStatus: CommonStatus = {
  ready: false,
  pending: 0,
  identity: undefined,
  storage: { type: 'memory', reason: undefined },
};

const noCounters: ClientCounters = {
  pending: 0,
  confirmed: 0,
  diverged: 0,
  unpredicted: 0,
  rolledBack: 0,
  replayed: 0,
  reconcileMs: 0,
  checked: 0,
  differences: 0,
};

export class ClientState {
  readonly reducers: Readonly<Record<string, (args?: unknown) => CallHandle>>;
  readonly tables: Readonly<Record<string, TableState>>;
  status: ClientStatus = { ...unknownStatus, type: 'connecting' };
  counters: ClientCounters = noCounters;
  readonly #module: PageModule;
  readonly #host: HostApi;
  readonly #onClosed: () => void;
  /** Of what it was to have from the start. */
  #refusal: ForerunError | undefined;
  readonly #byTableId = new Map<number, TableState>();
  readonly #handles = new Map<number, CallHandle>();
  readonly #queries = new Map<number, LiveRowsState<unknown>>();
  readonly #subscriptions = new Map<number, SubscriptionHandle>();
  readonly #statusListeners = new Set<() => void>();
  readonly #callListeners = new Set<(handle: CallHandle) => void>();
  readonly #differenceListeners = new Set<(difference: ReplicaDifference) => void>();
  readonly #steps: (readonly HostEvent[])[] = [];
  readonly #unsentListeners = new Set<(calls: readonly UnsentCall[]) => void>();
  readonly #reviewListeners = new Set<(review: ModuleReview) => void>();
  #unsent: readonly UnsentCall[] = [];
  #lastHandleId = 0;
  #lastQueryId = 0;
  #lastSubscriptionId = 0;
  #isClosed = false;
  #isForgotten = false;
  #closing: Promise<void> | undefined;

  constructor(module: PageModule, host: HostApi, onClosed: () => void, onRefused?: (error: ForerunError) => void) {
    this.#module = module;
    this.#host = host;
    this.#onClosed = onClosed;
    const refused = (error: ForerunError): void => {
      this.#refusal = error;
      for (const listener of [...this.#statusListeners]) listener();
      onRefused?.(error);
    };
    this.#subscriptions.set(openingId, new SubscriptionHandle({ onError: refused }, () => {}));
    const callable = module.reducers.filter(
      (reducer) => reducer.lifecycle === undefined && reducer.scheduledTableId === undefined,
    );
    this.reducers = Object.freeze(
      Object.fromEntries(callable.map((reducer) => [reducer.accessor, this.#caller(reducer)])),
    );
    this.tables = Object.freeze(
      Object.fromEntries(
        module.tables.filter((table) => table.public).map((table) => [table.accessor, this.#table(table)]),
      ),
    );
  }

  live = (source: unknown, ...params: SqlValue[]): LiveRows<unknown> => {
    const queryId = ++this.#lastQueryId;
    const asked = this.#query(source, params);
    const rows = new LiveRowsState<unknown>(() => {
      this.#queries.delete(queryId);
      if (!this.#isClosed) this.#host.unwatch(queryId);
    });
    this.#queries.set(queryId, rows);
    this.#host.watch({ queryId, source: asked });
    return rows;
  };

  subscribe = (
    queries: SubscriptionQuery | readonly SubscriptionQuery[],
    callbacks: SubscriptionCallbacks = {},
  ): SubscriptionHandle => {
    if (this.#isClosed) throw new ForerunError('client-closed', 'This client is closed. Connect again to subscribe.');
    const subscriptionId = ++this.#lastSubscriptionId;
    const list = Array.isArray(queries) ? queries : [queries];
    const texts = list.map((query: SubscriptionQuery) => subscriptionSource(query, this.#module.tables));
    const handle = new SubscriptionHandle(callbacks, () => {
      if (!this.#isClosed) this.#host.unsubscribe(subscriptionId);
    });
    this.#subscriptions.set(subscriptionId, handle);
    this.#host.subscribe({ subscriptionId, queries: texts });
    return handle;
  };

  onStatus = (listener: () => void): (() => void) => {
    this.#statusListeners.add(listener);
    return () => this.#statusListeners.delete(listener);
  };

  onDifference = (listener: (difference: ReplicaDifference) => void): (() => void) => {
    this.#differenceListeners.add(listener);
    return () => this.#differenceListeners.delete(listener);
  };

  onCall = (listener: (handle: CallHandle) => void): (() => void) => {
    this.#callListeners.add(listener);
    return () => this.#callListeners.delete(listener);
  };

  onUnsent = (listener: (calls: readonly UnsentCall[]) => void): (() => void) => {
    this.#unsentListeners.add(listener);
    if (this.#unsent.length > 0) listener(this.#unsent);
    return () => this.#unsentListeners.delete(listener);
  };

  onModuleChanged = (listener: (review: ModuleReview) => void): (() => void) => {
    this.#reviewListeners.add(listener);
    return () => this.#reviewListeners.delete(listener);
  };

  forget = async (): Promise<void> => {
    if (this.#isClosed && !this.#isForgotten)
      throw new ForerunError('client-closed', 'This client is closed, and has wiped nothing. Connect again to forget.');
    if (!this.#isClosed) await this.#host.forget();
    this.#isForgotten = true;
    await this.close();
  };

  ready = async (): Promise<void> => {
    await rowsHere(this, () => this.#refusal);
    await Promise.allSettled([...this.#queries.values()].map((rows) => rows.ready()));
  };

  simulate = (simulation: Simulation): void => this.#host.simulate(simulation);

  close = (): Promise<void> => (this.#closing ??= this.#close());

  async #close(): Promise<void> {
    this.#isClosed = true;
    for (const rows of [...this.#queries.values()]) rows.close();
    if (this.status.type !== 'stopped') {
      this.status = { ...this.status, type: 'stopped', code: 'client-closed', message: 'This client was closed.' };
      for (const listener of [...this.#statusListeners]) listener();
    }
    await this.#host.close();
    for (const handle of this.#handles.values()) handle.abandon();
    this.#handles.clear();
    this.#onClosed();
  }

  /**
   * All events of one step: rows first, then what is told about them. A listener that makes a call brings about the next
   * step at once where the host is in process; it waits until this one has been told.
   */
  receive = (events: readonly HostEvent[]): void => {
    this.#steps.push(events);
    if (this.#steps.length > 1) return;
    const failures: unknown[] = [];
    for (let step = this.#steps[0]; step !== undefined; step = this.#steps[0]) {
      try {
        this.#receiveStep(step);
      } catch (error) {
        // A listener's own; the next step is told all the same.
        failures.push(error);
      }
      this.#steps.shift();
    }
    if (failures.length > 0) throw failures[0];
  };

  #receiveStep(events: readonly HostEvent[]): void {
    const statusBefore = this.status;
    const countersBefore = this.counters;
    const told: HostEvent[] = [];
    for (const event of events) {
      if (event.type === 'rows') this.#queries.get(event.queryId)?.update(event.update);
      else told.push(event);
    }
    for (const event of told) this.#tell(event);
    if (this.status !== statusBefore || this.counters !== countersBefore)
      for (const listener of [...this.#statusListeners]) listener();
  }

  #tell(event: HostEvent): void {
    switch (event.type) {
      case 'rows':
        return;
      case 'status':
        // Its host may still say how it stands while it closes.
        if (!this.#isClosed) this.status = event.status;
        return;
      case 'difference':
        for (const listener of [...this.#differenceListeners]) listener(event.difference);
        return;
      case 'counters':
        this.counters = event.counters;
        return;
      case 'subscription': {
        const { subscriptionId, state, message, detail } = event;
        this.#subscriptions.get(subscriptionId)?.advance(state, message, detail);
        if (state !== 'applied') this.#subscriptions.delete(subscriptionId);
        return;
      }
      case 'queryFailed':
        return this.#queries.get(event.queryId)?.fail(event.message, event.detail);
      case 'changes':
        return this.#byTableId.get(event.tableId)?.dispatch(event.changes);
      case 'call': {
        const handle = this.#handles.get(event.handleId);
        if (handle === undefined) return;
        handle.advance(event.progress);
        if (handle.state === 'confirmed' || handle.state === 'rejected') this.#handles.delete(event.handleId);
        for (const listener of [...this.#callListeners]) listener(handle);
        return;
      }
      case 'earlier':
        for (const call of event.calls) this.#earlier(call);
        return;
      case 'moduleChanged':
        return this.#review(event.calls);
      case 'unsendable':
        this.#unsent = event.calls.map((call) =>
          unsentCall(call, () => this.#host.answer({ type: 'dismiss', key: call.key })),
        );
        for (const listener of [...this.#unsentListeners]) listener(this.#unsent);
        return;
      case 'forgotten':
        return this.#forgotten();
      default:
        return unreachable(event);
    }
  }

  /** A handle for a call of a page that is gone. */
  #earlier({ handleId, reducerId, args, prediction, timestampMicros }: EarlierCall): void {
    const reducer = this.#module.reducers[reducerId];
    if (reducer === undefined || this.#handles.has(handleId)) return;
    const handle = new CallHandle(reducer.accessor, ownValue(reducer.params)?.(args));
    this.#handles.set(handleId, handle);
    handle.advance({ type: 'predicted', prediction, timestampMicros });
    handle.advance({ type: 'stored' });
    for (const listener of [...this.#callListeners]) listener(handle);
  }

  #review(calls: readonly EarlierCall[]): void {
    const handles = new Map(
      calls.flatMap(({ handleId }) => {
        const handle = this.#handles.get(handleId);
        return handle === undefined ? [] : [[handle, -handleId] as const];
      }),
    );
    const send: ModuleReview['send'] = ({ discard = [] } = {}) =>
      this.#host.answer({ type: 'reviewed', discard: discard.flatMap((handle) => handles.get(handle) ?? []) });
    if (this.#reviewListeners.size === 0) return send();
    for (const listener of [...this.#reviewListeners]) listener({ calls: [...handles.keys()], send });
  }

  #forgotten(): void {
    this.#isForgotten = true;
    const message =
      'What this client had on the device was wiped, here or in another tab. Connect again to start anew.';
    this.status = { ...unknownStatus, type: 'stopped', code: 'client-closed', message };
    for (const handle of this.#handles.values()) handle.abandon();
    this.#handles.clear();
    // The next host that it finds would be somebody else's.
    this.close().catch(() => {});
  }

  #caller(reducer: ReducerShape): (args?: unknown) => CallHandle {
    const { accessor, reducerId } = reducer;
    const ownArgs = argsOf(reducer);
    return (given = {}) => {
      if (this.#isClosed)
        throw new ForerunError('client-closed', 'This client is closed. Connect again to make calls.');
      const args = ownArgs(given);
      const handle = new CallHandle(accessor, args);
      const handleId = ++this.#lastHandleId;
      this.#handles.set(handleId, handle);
      for (const listener of [...this.#callListeners]) listener(handle);
      this.#host.call({ handleId, reducerId, args, again: false });
      return handle;
    };
  }

  /** Throws `query-invalid` for what the builder can't mean; in a production build the host finds most of it. */
  #query(source: unknown, params: readonly SqlValue[]): QuerySource {
    if (typeof source === 'string') return { type: 'sql', sql: source, params };
    if (isSql(source)) {
      const { text, params } = sqlText(source);
      return { type: 'sql', sql: text, params };
    }
    const spec = specOf(source);
    if (spec === undefined)
      throw new ForerunError(
        'query-invalid',
        'client.live takes a query of client.tables, or SQL: live(sql`SELECT …`).',
      );
    checkQuery(spec, this.#module.tables);
    return { type: 'query', spec };
  }

  #table(table: TableShape): TableState {
    const state = new TableState(table, () => this.#host.watchRows(table.tableId));
    this.#byTableId.set(table.tableId, state);
    return state;
  }
}
