/**
 * What this client's pages are subscribed to, and how far each subscription is: asked for, applied, ending.
 *
 * Law: the applied ones are what the confirmed rows are of. They are what a hello with a position names; whatever else
 * is wanted, or wanted no longer, is asked for again after each welcome.
 */

import { ForerunError } from '../core/errors.ts';
import type { ModuleDefinition, TableDefinition } from '../core/module/definition.ts';
import type { ClientMessage, SubscriptionRequest } from '../core/protocol/messages.ts';
import { planSql, type QueryPlan } from '../core/query/plan.ts';
import { planQuery } from '../core/query/plan-query.ts';
import { type HostEvent, type HostSubscription, openingId, type SubscriptionSource } from './client/host-api.ts';
import { parser } from './late-code.ts';
import type { PageFeed } from './page-feed.ts';
import { wholeTablePlan, wholeTableSql } from './whole-table.ts';

export interface Wanted {
  /** Ours, on the wire. */
  readonly subscriptionId: number;
  readonly queries: readonly string[];
  readonly plans: readonly QueryPlan[];
  /** Undefined: the host's own, which ends with it. */
  page: PageFeed | undefined;
  /** Pages that opened with it: they hear of it when it is refused. */
  readonly openers: Set<PageFeed>;
  /** The page's own number of it. */
  pageId: number;
  /** Of an earlier start; it ends unless it is wanted again by the time of the welcome. */
  isLeftOver: boolean;
  state: 'asked' | 'applied' | 'ending';
  /** Its rows are here. */
  isHere: boolean;
}

export interface SubscriptionsOptions {
  readonly definition: () => ModuleDefinition;
  /** Rows of other queries are here now. */
  readonly changed: (plans: readonly QueryPlan[]) => void;
  /** Goes nowhere without a connection: after the next welcome it is asked again. */
  readonly send: (message: ClientMessage) => void;
}

export class ClientSubscriptions {
  readonly #options: SubscriptionsOptions;
  readonly #wanted = new Map<number, Wanted>();
  /** Those that the last hello named: one snapshot answers them all. */
  #greeted: readonly Wanted[] = [];
  #lastId = 0;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  /** Of all tables that a client may see, for `subscribe: 'all'`; views are computed for those who ask for them. */
  everything(): string[] {
    const { tables } = this.#options.definition();
    return tables.filter((table) => table.public && table.view === undefined).map(({ name }) => wholeTableSql(name));
  }

  /** Those whose rows are here. */
  get here(): SubscriptionRequest[] {
    return [...this.#wanted.values()].filter(({ isHere }) => isHere).map(requestOf);
  }

  /** What the rows of an earlier start are of. Gives whether all of it is known to this module. */
  restore(requests: readonly SubscriptionRequest[]): boolean {
    let isKnown = true;
    for (const { subscriptionId, queries } of requests) {
      const plans = this.#plans(queries);
      if (plans instanceof ForerunError) isKnown = false;
      else
        this.#wanted.set(subscriptionId, {
          subscriptionId,
          queries,
          plans,
          page: undefined,
          openers: new Set(),
          pageId: 0,
          state: 'applied',
          isHere: true,
          isLeftOver: true,
        });
      this.#lastId = Math.max(this.#lastId, subscriptionId);
    }
    this.#tellPlans();
    return isKnown;
  }

  /** What a page wants from the start; pages that want the same share it. */
  opening(page: PageFeed, subscribe: 'all' | readonly SubscriptionSource[]): void {
    const asked = subscribe === 'all' ? this.everything() : subscribe;
    const plans = this.#plans(asked);
    const queries = plans instanceof ForerunError ? undefined : textsOf(asked, plans);
    const shared = [...this.#wanted.values()].find(
      (wanted) =>
        wanted.page === undefined &&
        !wanted.isLeftOver &&
        wanted.state !== 'ending' &&
        queries !== undefined &&
        isSame(wanted.queries, queries),
    );
    if (shared !== undefined) shared.openers.add(page);
    else if (asked.length > 0) this.want(undefined, { subscriptionId: openingId, queries: asked }, page);
  }

  /** `teller` hears of a failure. */
  want(
    page: PageFeed | undefined,
    { subscriptionId: pageId, queries: asked }: HostSubscription,
    teller: PageFeed | undefined = page,
  ): void {
    const plans = this.#plans(asked);
    if (plans instanceof ForerunError) {
      teller?.push(failed(pageId, plans.message, plans.detail));
      return;
    }
    const queries = textsOf(asked, plans);
    const leftOver = [...this.#wanted.values()].find((each) => each.isLeftOver && isSame(each.queries, queries));
    if (leftOver !== undefined) {
      Object.assign(leftOver, { page, pageId, isLeftOver: false });
      if (page === undefined && teller !== undefined) leftOver.openers.add(teller);
      page?.push({ type: 'subscription', subscriptionId: pageId, state: 'applied', message: '' });
      return;
    }
    const subscriptionId = ++this.#lastId;
    const wanted: Wanted = {
      subscriptionId,
      queries,
      plans,
      page,
      openers: new Set(page === undefined && teller !== undefined ? [teller] : []),
      pageId,
      state: 'asked',
      isHere: false,
      isLeftOver: false,
    };
    this.#wanted.set(subscriptionId, wanted);
    this.#options.send({ type: 'subscribe', subscription: requestOf(wanted) });
  }

  unwant(page: PageFeed, pageId: number): void {
    for (const wanted of this.#wanted.values()) if (wanted.page === page && wanted.pageId === pageId) this.#end(wanted);
  }

  /** The page is gone. */
  forget(page: PageFeed): void {
    for (const wanted of this.#wanted.values()) {
      wanted.openers.delete(page);
      if (wanted.page === page) this.#end(wanted);
    }
  }

  /** For a hello: with a position, what the rows at it are of. */
  greeting(hasPosition: boolean): SubscriptionRequest[] {
    this.#greeted = [...this.#wanted.values()].filter(({ state, isHere, isLeftOver }) =>
      hasPosition ? isHere : state !== 'ending' && !isLeftOver,
    );
    return this.#greeted.map(requestOf);
  }

  /** The hello was answered: asks for what it did not name. */
  welcomed(): void {
    for (const wanted of this.#wanted.values()) {
      // From now on it is none that could be taken over: it ends, and who wants the same asks anew.
      if (wanted.isLeftOver) Object.assign(wanted, { state: 'ending', isLeftOver: false });
      if (wanted.state === 'ending' && !this.#greeted.includes(wanted)) this.#ended(wanted);
      else if (wanted.state === 'ending') this.#options.send(unsubscribe(wanted));
      else if (!this.#greeted.includes(wanted))
        this.#options.send({ type: 'subscribe', subscription: requestOf(wanted) });
    }
  }

  /** The rows of the hello's subscriptions are about to take their place: what runs on them finds all of them. */
  greetingComes(): void {
    for (const wanted of this.#greeted) wanted.isHere = true;
    this.#tellPlans();
  }

  /** The rows of the hello's subscriptions are here. */
  greetingApplied(): void {
    for (const wanted of this.#greeted) if (this.#wanted.has(wanted.subscriptionId)) this.#applied(wanted);
  }

  isApplied(subscriptionId: number): boolean {
    return this.#wanted.get(subscriptionId)?.isHere === true;
  }

  applied(subscriptionId: number): void {
    const wanted = this.#wanted.get(subscriptionId);
    if (wanted !== undefined) this.#applied(wanted);
  }

  ended(subscriptionId: number): void {
    const wanted = this.#wanted.get(subscriptionId);
    if (wanted !== undefined) this.#ended(wanted);
  }

  refused(subscriptionId: number, message: string): void {
    const wanted = this.#wanted.get(subscriptionId);
    if (wanted === undefined) return;
    this.#wanted.delete(subscriptionId);
    this.#tellPlans();
    wanted.page?.push(failed(wanted.pageId, message));
    for (const page of wanted.openers) page.push(failed(openingId, message));
  }

  #plans(queries: readonly SubscriptionSource[]): readonly QueryPlan[] | ForerunError {
    const definition = this.#options.definition();
    const isVisible = (table: TableDefinition): boolean => table.public;
    try {
      return queries.map((query) => {
        if (typeof query === 'string')
          return wholeTablePlan(query, definition) ?? parser.code.parseQuery(query, definition, { isVisible });
        if ('spec' in query) return planQuery(query.spec, definition, { isVisible }).rows;
        return parser.code.parseQuery(query.text, definition, { isVisible, params: query.params });
      });
    } catch (error) {
      if (error instanceof ForerunError) return error;
      throw error;
    }
  }

  #end(wanted: Wanted): void {
    if (wanted.state === 'ending') return;
    wanted.state = 'ending';
    this.#options.send(unsubscribe(wanted));
  }

  #applied(wanted: Wanted): void {
    wanted.isHere = true;
    this.#tellPlans();
    if (wanted.state !== 'asked') return;
    wanted.state = 'applied';
    wanted.page?.push({ type: 'subscription', subscriptionId: wanted.pageId, state: 'applied', message: '' });
  }

  #tellPlans(): void {
    this.#options.changed([...this.#wanted.values()].flatMap(({ isHere, plans }) => (isHere ? plans : [])));
  }

  #ended({ subscriptionId, page, pageId }: Wanted): void {
    this.#wanted.delete(subscriptionId);
    this.#tellPlans();
    page?.push({ type: 'subscription', subscriptionId: pageId, state: 'ended', message: '' });
  }
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((query, i) => query === b[i]);
}

/** A query with values is written anew from what it means, so that no value becomes part of the text by being put into it. */
function textsOf(asked: readonly SubscriptionSource[], plans: readonly QueryPlan[]): string[] {
  return asked.map((query, i) => (typeof query === 'string' ? query : planSql(plans[i] as QueryPlan)));
}

function requestOf({ subscriptionId, queries }: Wanted): SubscriptionRequest {
  return { subscriptionId, queries };
}

function unsubscribe({ subscriptionId }: Wanted): ClientMessage {
  return { type: 'unsubscribe', subscriptionId };
}

function failed(subscriptionId: number, message: string, detail?: unknown): HostEvent {
  return { type: 'subscription', subscriptionId, state: 'failed', message, detail };
}
