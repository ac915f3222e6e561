/**
 * What one session is subscribed to. Its queries make one audience; a subscription that begins or ends has an audience
 * of its own until all its rows are on their way: those in it and in no other of the session's.
 *
 * Laws: subscriptions begin and end one after the other, in the order in which they were asked for. At the client, the
 * rows of the session's audience are exact after each batch; what is staged counts when its end is told, which is when
 * the session's audience becomes another one.
 */

import type { Authority } from '../authority/authority.ts';
import { ForerunError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { RowsFrame, ServerMessage, SubscriptionRequest } from '../protocol/messages.ts';
import { parseQuery } from '../query/parse.ts';
import type { QueryPlan } from '../query/plan.ts';
import type { Visibility } from '../query/visibility.ts';
import type { Environment } from '../environment.ts';
import { behindMs } from './ephemeral-feed.ts';
import type { Audience, Receiver, SharedQueries, SharedQuery } from './shared-query.ts';
import { sendSnapshot } from './snapshot.ts';
import { askedBy, type Viewer } from './viewer.ts';
import type { ViewInstances } from './view-instances.ts';

/** Is told of the rows that are staged for a subscription. */
export class StagedReceiver {
  readonly session: Receiver;
  readonly subscriptionId: number;

  constructor(session: Receiver, subscriptionId: number) {
    this.session = session;
    this.subscriptionId = subscriptionId;
  }
}

export interface SubscriptionsOptions {
  readonly authority: Authority;
  readonly environment: Environment;
  readonly queries: SharedQueries;
  readonly viewer: Viewer;
  readonly visibility: Visibility;
  readonly views: ViewInstances;
  /** Of the session's audience. */
  readonly receiver: Receiver;
  readonly session: {
    /** Sends it when everything executed so far is durable, unless `isWanted` then says no; and then does `afterwards`. */
    readonly hold: (
      frame: Uint8Array,
      condition?: { readonly isWanted: () => boolean; readonly afterwards: () => void },
    ) => void;
    readonly bufferedBytes: () => number;
    /** `ended`: queries that it may have no rows of any more. Gives false when it is too slow to be sent anything now. */
    readonly sendAllEphemeral: (ended: readonly SharedQuery[]) => boolean;
    readonly send: (message: Exclude<ServerMessage, RowsFrame>) => void;
    readonly encode: (message: Extract<ServerMessage, { type: 'applied' | 'ended' }>) => Uint8Array;
  };
}

export type SubscriptionChange =
  | { readonly type: 'subscribe'; readonly subscription: SubscriptionRequest }
  | { readonly type: 'unsubscribe'; readonly subscriptionId: number };

interface Work {
  readonly type: 'begin' | 'end';
  readonly subscriptionId: number;
  readonly queries: readonly SharedQuery[];
}

/** Names the snapshot of all subscriptions of a hello. */
export const helloSnapshotId = 0;

export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  readonly #active = new Map<number, readonly SharedQuery[]>();
  readonly #waiting: Work[] = [];
  #current: { readonly work: Work; readonly audience: Audience; readonly receiver: StagedReceiver } | undefined;
  #main: Audience | undefined;
  /** The first snapshot is on its way; what is asked for meanwhile waits for its end. */
  #isGreeting = false;
  #isClosed = false;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  /** All queries of the session's audience. */
  get queries(): readonly SharedQuery[] {
    return [...new Set([...this.#active.values()].flat())];
  }

  /** What it is sent batches of, and what is staged for one that begins or ends. */
  get audiences(): { readonly main: Audience | undefined; readonly staged: Audience | undefined } {
    return { main: this.#main, staged: this.#current?.audience };
  }

  /** The number of the one that begins or ends. */
  get stagedId(): number | undefined {
    return this.#current?.work.subscriptionId;
  }

  /** What ephemeral rows are sent of: they come beside the batches. */
  get scope(): Audience | undefined {
    return this.#main;
  }

  /** The subscriptions of a hello. Gives the refusals. */
  greet(requests: readonly SubscriptionRequest[]): Extract<ServerMessage, { type: 'subscriptionRefused' }>[] {
    const refusals = requests.flatMap((request) => {
      const taken = this.#take(request);
      if (!Array.isArray(taken)) return [taken];
      this.#active.set(request.subscriptionId, taken);
      return [];
    });
    this.#join();
    return refusals;
  }

  /** Sends the rows of all subscriptions of the hello. */
  sendAll(): void {
    this.#isGreeting = true;
    this.#send({
      subscriptionId: helloSnapshotId,
      form: 'rows',
      plus: this.queries,
      minus: [],
      isWanted: () => !this.#isClosed,
      end: 'applied',
      afterwards: () => {
        this.#isGreeting = false;
        // Whose they are because of other rows has to be remembered of those that were sent.
        if (this.queries.some(({ table, isJoined }) => table.ephemeral && isJoined)) this.sendAllEphemeral();
        this.#next();
      },
    });
  }

  change(change: SubscriptionChange): void {
    if (change.type === 'subscribe') this.begin(change.subscription);
    else this.end(change.subscriptionId);
  }

  begin(request: SubscriptionRequest): void {
    const taken = this.#take(request);
    if (!Array.isArray(taken)) return this.#options.session.send(taken);
    this.#waiting.push({ type: 'begin', subscriptionId: request.subscriptionId, queries: taken });
    this.#next();
  }

  /** Also of one that has not begun yet. One that isn't there has ended. */
  end(subscriptionId: number): void {
    const waiting = this.#waiting.findIndex((work) => work.type === 'begin' && work.subscriptionId === subscriptionId);
    if (waiting >= 0) {
      for (const work of this.#waiting.splice(waiting, 1)) this.#release(work.queries);
      return this.#tellEnded(subscriptionId);
    }
    const current = this.#current;
    if (current?.work.type === 'begin' && current.work.subscriptionId === subscriptionId) {
      this.#stopStaging();
      this.#release(current.work.queries);
      this.#tellEnded(subscriptionId);
      return this.#next();
    }
    const queries = this.#active.get(subscriptionId);
    if (queries === undefined) return this.#tellEnded(subscriptionId);
    if (this.#isEnding(subscriptionId)) return;
    this.#waiting.push({ type: 'end', subscriptionId, queries });
    this.#next();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { current, main } = { current: this.#current, main: this.#main };
    if (current !== undefined) this.#stopStaging();
    if (main !== undefined) this.#options.queries.leave(this.#options.receiver, main);
    for (const work of [...this.#waiting, ...(current === undefined ? [] : [current.work])])
      if (work.type === 'begin') this.#release(work.queries);
    for (const queries of this.#active.values()) this.#release(queries);
  }

  #next(): void {
    if (this.#isClosed || this.#isGreeting || this.#current !== undefined) return;
    const work = this.#waiting.shift();
    if (work === undefined) return;
    const { type, subscriptionId, queries: plus } = work;
    const minus = [...this.#active].flatMap(([id, queries]) => (id === subscriptionId ? [] : queries));
    const receiver = new StagedReceiver(this.#options.receiver, subscriptionId);
    const current = { work, receiver, audience: this.#options.queries.join(receiver, plus, minus) };
    this.#current = current;
    this.#send({
      subscriptionId,
      form: type === 'begin' ? 'rows' : 'keys',
      plus,
      minus,
      isWanted: () => this.#current === current,
      end: type === 'begin' ? 'applied' : 'ended',
      afterwards: () => this.#finish(work),
    });
  }

  /** The client has heard the end of it, and nothing of later batches yet. */
  #finish({ type, subscriptionId, queries }: Work): void {
    this.#stopStaging();
    if (type === 'begin') this.#active.set(subscriptionId, queries);
    else this.#active.delete(subscriptionId);
    this.#join();
    // Ephemeral rows are in no batch, so nothing was staged of what changed meanwhile.
    if (queries.some(({ table }) => table.ephemeral)) this.sendAllEphemeral(type === 'end' ? queries : []);
    if (type === 'end') this.#release(queries);
    this.#next();
  }

  #send(snapshot: {
    readonly subscriptionId: number;
    readonly form: 'rows' | 'keys';
    readonly plus: readonly SharedQuery[];
    readonly minus: readonly SharedQuery[];
    readonly isWanted: () => boolean;
    readonly end: 'applied' | 'ended';
    readonly afterwards: () => void;
  }): void {
    const { authority, environment, session } = this.#options;
    const { subscriptionId, isWanted, end, afterwards } = snapshot;
    sendSnapshot({
      ...snapshot,
      engine: authority.engine,
      scheduler: environment.scheduler,
      clock: environment.clock,
      session,
      betweenBatches: (task) => authority.betweenBatches(task),
      done: () => {
        const frame = session.encode({ type: end, subscriptionId, seq: authority.executedSeq });
        session.hold(frame, { isWanted, afterwards });
      },
    });
  }

  /** At once, or when the session is fast enough. */
  sendAllEphemeral(ended: readonly SharedQuery[] = []): void {
    const { session, environment } = this.#options;
    if (this.#isClosed || session.sendAllEphemeral(ended)) return;
    environment.scheduler.after(behindMs, () => this.sendAllEphemeral());
  }

  /** Makes the session's audience that of its active subscriptions. */
  #join(): void {
    const { queries, receiver } = this.#options;
    const before = this.#main;
    const wanted = this.queries;
    this.#main = wanted.length === 0 ? undefined : queries.join(receiver, wanted);
    if (before !== undefined && before !== this.#main) queries.leave(receiver, before);
  }

  #stopStaging(): void {
    const current = this.#current;
    if (current === undefined) return;
    this.#current = undefined;
    this.#options.queries.leave(current.receiver, current.audience);
  }

  #tellEnded(subscriptionId: number): void {
    const { authority, session } = this.#options;
    authority.betweenBatches(() =>
      session.hold(session.encode({ type: 'ended', subscriptionId, seq: authority.executedSeq })),
    );
  }

  #isEnding(subscriptionId: number): boolean {
    const works = this.#current === undefined ? this.#waiting : [this.#current.work, ...this.#waiting];
    return works.some((work) => work.type === 'end' && work.subscriptionId === subscriptionId);
  }

  #take({
    subscriptionId,
    queries,
  }: SubscriptionRequest): SharedQuery[] | Extract<ServerMessage, { type: 'subscriptionRefused' }> {
    const { authority } = this.#options;
    const taken: SharedQuery[] = [];
    try {
      this.#checkRoom(subscriptionId, queries.length);
      for (const sql of queries) {
        const plan = parseQuery(sql, authority.definition, { isVisible: (table) => table.public });
        taken.push(this.#asked(plan));
      }
      return taken;
    } catch (error) {
      this.#release(taken);
      if (!(error instanceof ForerunError)) throw error;
      return { type: 'subscriptionRefused', subscriptionId, message: error.message };
    }
  }

  #asked(plan: QueryPlan): SharedQuery {
    const { viewer, views, visibility, queries } = this.#options;
    const bound = views.bind(plan, viewer.identity);
    try {
      return queries.take(askedBy(viewer, bound, visibility));
    } catch (error) {
      views.release(bound);
      throw error;
    }
  }

  #checkRoom(subscriptionId: number, wanted: number): void {
    const begun = [...this.#waiting, ...(this.#current === undefined ? [] : [this.#current.work])];
    if (this.#active.has(subscriptionId) || begun.some((work) => work.subscriptionId === subscriptionId))
      throw new ForerunError('frame-invalid', `There is a subscription number ${subscriptionId} already.`);
    const known = [...this.#active.values(), ...begun.map(({ queries }) => queries)];
    const room = limits.subscriptionsMax - known.reduce((sum, { length }) => sum + Math.max(1, length), 0);
    if (Math.max(1, wanted) > room)
      throw new ForerunError(
        'limit-reached',
        `A connection is subscribed to at most ${limits.subscriptionsMax} queries (subscriptionsMax). End some first.`,
      );
  }

  #release(queries: readonly SharedQuery[]): void {
    for (const query of queries) {
      this.#options.queries.release(query);
      this.#options.views.release(query.branches[0] as QueryPlan);
    }
  }
}
