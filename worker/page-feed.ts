/**
 * What a host tells its page: gathered while one event is handled, delivered as one list.
 *
 * Law: a list is delivered when the rows are right again, never in the middle; live queries in it are as of its end.
 * Others' changes reach the queries at most once a frame, the page's own at once; and what becomes of a subscription is told
 * together with the rows of the queries, and after them.
 */

import type { RowChange } from '../core/commit/row-change.ts';
import type { Engine } from '../core/engine/engine.ts';
import type { Environment } from '../core/environment.ts';
import type { ChangedValues, ClientStatus, HostEvent, HostListener, WatchRequest } from './client/host-api.ts';
import { LiveQueries } from './live/live-query.ts';
import { valuesOf } from './live/row-values.ts';

export interface PageFeedOptions {
  readonly engine: Engine;
  readonly environment: Environment;
  readonly listener: HostListener;
  /** Empty for a page that shares its host with nobody. */
  readonly pageId: string;
  /** Asks the host to call `refresh` and then `deliver`. */
  readonly wake: () => void;
}

const refreshMs = 16;
/** After queries that took longer, a new one waits for what the page has said meanwhile: it may want that one no longer. */
const longMs = 8;

export class PageFeed {
  readonly pageId: string;
  readonly #engine: Engine;
  readonly #environment: Environment;
  readonly #listener: HostListener;
  readonly #wake: () => void;
  readonly #live: LiveQueries;
  readonly #watchedTables = new Set<number>();
  #events: HostEvent[] = [];
  #ofSubscriptions: HostEvent[] = [];
  #status: string | undefined;
  #refreshedMs: number = Number.NEGATIVE_INFINITY;
  /** When queries last ended that took long. */
  #longEndMs: number = Number.NEGATIVE_INFINITY;
  #wakeAsked = false;

  constructor({ engine, environment, listener, pageId, wake }: PageFeedOptions) {
    this.pageId = pageId;
    this.#engine = engine;
    this.#environment = environment;
    this.#listener = listener;
    this.#wake = wake;
    this.#live = new LiveQueries({ engine, nowMs: () => environment.clock.monotonicMs() });
  }

  push(event: HostEvent): void {
    if (event.type === 'subscription') this.#ofSubscriptions.push(event);
    else this.#events.push(event);
  }

  /** Tells it when it is another one than last time. */
  status(status: ClientStatus): void {
    const text = JSON.stringify(status);
    if (text === this.#status) return;
    this.#status = text;
    this.push({ type: 'status', status });
  }

  watch(request: WatchRequest): void {
    const failure = this.#live.watch(request);
    if (failure !== undefined) this.push(failure);
    if (this.#environment.clock.monotonicMs() - this.#longEndMs < refreshMs) this.#wakeIn(0);
    else this.#refreshLive();
  }

  unwatch(queryId: number): void {
    this.#live.unwatch(queryId);
  }

  watchRows(tableId: number): void {
    this.#watchedTables.add(tableId);
  }

  isWatched(tableId: number): boolean {
    return this.#watchedTables.has(tableId);
  }

  /** Rows of this table are others now, whichever. */
  touch(tableId: number): void {
    this.#live.touch(tableId);
  }

  /** The engine is about to hold a state that nobody may see. */
  interrupt(): void {
    this.#live.interrupt();
  }

  changed(changes: readonly RowChange[]): void {
    const watched = new Map<number, RowChange[]>();
    for (const change of changes) {
      this.#live.changed(change);
      if (!this.isWatched(change.tableId)) continue;
      const known = watched.get(change.tableId);
      if (known === undefined) watched.set(change.tableId, [change]);
      else known.push(change);
    }
    for (const [tableId, each] of watched) {
      const fields = this.#engine.shape(tableId).table.columns.map(({ field }) => field);
      this.push({ type: 'changes', tableId, changes: each.map((change) => changedValues(fields, change)) });
    }
  }

  /** Brings stale queries up to date now. */
  refresh(): void {
    this.#refreshedMs = this.#environment.clock.monotonicMs();
    this.#refreshLive();
  }

  /** At once when the page has had a frame's rest, else at the end of it. */
  refreshSoon(): void {
    if (!this.#live.isStale) return;
    if (this.#ofSubscriptions.length > 0) return this.refresh();
    if (this.#wakeAsked) return;
    const { clock } = this.#environment;
    const restMs = this.#refreshedMs + refreshMs - clock.monotonicMs();
    if (restMs <= 0) return this.refresh();
    this.#wakeIn(restMs);
  }

  /** What is not done at once is gone on with, after what has come meanwhile. */
  #refreshLive(): void {
    const { clock } = this.#environment;
    const startedMs = clock.monotonicMs();
    this.#events.push(...this.#live.refresh());
    const endedMs = clock.monotonicMs();
    if (endedMs - startedMs > longMs) this.#longEndMs = endedMs;
    const restMs = this.#live.restMs;
    if (restMs !== undefined) this.#wakeIn(restMs);
  }

  #wakeIn(ms: number): void {
    if (this.#wakeAsked) return;
    this.#wakeAsked = true;
    this.#environment.scheduler.after(ms, () => {
      this.#wakeAsked = false;
      this.#wake();
    });
  }

  deliver(): void {
    const events = [...this.#events, ...this.#ofSubscriptions];
    if (events.length === 0) return;
    this.#events = [];
    this.#ofSubscriptions = [];
    this.#listener(events);
  }

  close(): void {
    this.#live.close();
  }
}

function changedValues(fields: readonly string[], { before, after }: RowChange): ChangedValues {
  return [before && valuesOf(fields, before), after && valuesOf(fields, after)];
}
