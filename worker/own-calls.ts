/**
 * The calls that this client's pages make: numbered, predicted, kept, sent, and told of until they are answered.
 *
 * Law: numbers are given in the order in which the calls were made, and calls are sent in that order, on each connection
 * from the first that is not answered. A call is sent when it is kept on the device, or when nothing is kept there: so a
 * number that somebody else has heard of is never forgotten and given again.
 */

import type { Call, CallId, ClientId } from '../core/commit/call.ts';
import type { Engine } from '../core/engine/engine.ts';
import type { Scheduler } from '../core/environment.ts';
import { limits } from '../core/limits.ts';
import type { CallMessage } from '../core/protocol/messages.ts';
import type { ConnectionId } from '../core/value/connection-id.ts';
import type { Identity } from '../core/value/identity.ts';
import type { AnsweredCalls } from './answered-calls.ts';
import { CallArguments } from './call-arguments.ts';
import { Callers, type CallOrigin } from './callers.ts';
import type { CallProgress, EarlierCall, HostCall } from './client/host-api.ts';
import type { Coverage } from './coverage.ts';
import type { Credentials } from './credentials.ts';
import { Guesses } from './guesses.ts';
import type { PageFeed } from './page-feed.ts';
import type { Pages } from './pages.ts';
import type { StoredCall } from './persist/stored-format.ts';
import type { HostStart } from './start.ts';
import type { PendingCall } from './predict/pending.ts';
import type { Predictor, ReconcileResult } from './predict/predictor.ts';
import { changesMax, outcomeSummary, outcomesWithRowsMax, summary } from './told-changes.ts';

export interface OwnCallsOptions {
  readonly engine: Engine;
  readonly predictor: Predictor;
  readonly pages: Pages;
  readonly coverage: Coverage;
  readonly scheduler: Scheduler;
  readonly answered: AnsweredCalls;
  /** There is a connection. */
  readonly isLive: () => boolean;
  readonly send: (message: CallMessage) => void;
  /** False when nothing is kept on this device; else `stored` follows. */
  readonly keep: (call: StoredCall) => boolean;
  /** These take the place of all kept calls from this number on. As `keep`. */
  readonly keepAnew: (from: CallId, calls: readonly StoredCall[]) => boolean;
  /** Calls from this one on have not been sent by anyone; undefined: that is to be forgotten, before the next that is kept. */
  readonly keepUnheard: (from: CallId | undefined) => void;
}

/** What a call is made with, beside what the page says. */
export interface CallCircumstances {
  readonly clientId: ClientId;
  readonly sender: Identity;
  readonly connectionId: ConnectionId | null;
  readonly timestampMicros: number;
  /** Why it can't be predicted, whatever its reducer. */
  readonly unpredicted: string | undefined;
}

/** Put on one frame; between two frames of a long queue the host hears its pages. */
const callsPerFrame = 500;

export class OwnCalls {
  readonly #options: OwnCallsOptions;
  readonly #arguments: CallArguments;
  readonly #callers = new Callers();
  readonly #guesses: Guesses;
  #lastCallId = 0;
  /** Every call up to this one may be sent. */
  #sendableCallId = 0;
  /** Calls after this one have not been sent, by this start or an earlier one. */
  #sentCallId = 0;
  /** From this one on the device says so. */
  #unheardFrom: number | undefined;
  /** Up to which call the authority had run them on the last welcome of this start. */
  #metCallId: CallId | undefined;
  /** The app has discarded them; whether they have been run is not known yet. */
  readonly #undecided = new Set<CallId>();
  /** The last one that has been sent on this connection. */
  #connectionCallId = 0;
  #sendIsAsked = false;
  /** Nothing is sent until the app has looked at what a new module makes of it. */
  #isHeld = false;
  /** Sum of the counters that only grow, to tell whether one of them has. */
  #countersTold = 0;

  constructor(options: OwnCallsOptions) {
    this.#options = options;
    this.#arguments = new CallArguments(options.engine.definition.reducers);
    this.#guesses = new Guesses(options.coverage, options.engine);
  }

  /** Calls whose answer the pages have not been told: it may have come, and not be in the rows yet. */
  get waitingCount(): number {
    return this.#callers.size;
  }

  get lastCallId(): CallId {
    return this.#lastCallId as CallId;
  }

  /** What became of all calls that the app has discarded. */
  get isDecided(): boolean {
    return this.#undecided.size === 0;
  }

  /** Calls of an earlier start, in order. */
  restore(
    calls: readonly { readonly call: Call; readonly origin: CallOrigin }[],
    { lastCallId, unheardFrom }: Pick<HostStart, 'lastCallId' | 'unheardFrom'>,
    unpredicted: string | undefined,
  ): void {
    for (const { call, origin } of calls) {
      const { pageId, handleId } = origin;
      this.#callers.set(call.callId, { pageId, handleId, page: undefined, knownAs: call.callId });
      this.#predict(call, unpredicted);
    }
    this.#lastCallId = Math.max(lastCallId, calls.at(-1)?.call.callId ?? 0);
    this.#sendableCallId = this.#lastCallId;
    this.#sentCallId = Math.min(this.#lastCallId, (unheardFrom ?? Number.POSITIVE_INFINITY) - 1);
    this.#unheardFrom = unheardFrom;
  }

  make(page: PageFeed, request: HostCall, circumstances: CallCircumstances): void {
    const { handleId, reducerId } = request;
    const { engine, predictor, keep, keepUnheard } = this.#options;
    if (request.again && this.#isKnown(page, handleId)) return;
    const reducer = engine.definition.reducers[reducerId];
    if (reducer === undefined)
      return refuse(page, handleId, 'reducer-unknown', `There is no reducer number ${reducerId}.`);
    if (predictor.pending.size >= limits.pendingCallsMax) {
      return refuse(
        page,
        handleId,
        'limit-reached',
        `${limits.pendingCallsMax} calls wait for the authority already (pendingCallsMax). Call again when it has answered some.`,
      );
    }
    const checked = this.#arguments.checked(reducer, request.args);
    if ('refusal' in checked) return refuse(page, handleId, 'args-invalid', checked.refusal);
    const { unpredicted, ...made } = circumstances;
    const callId = ++this.#lastCallId as CallId;
    const { timestampMicros: proposedMicros } = made;
    const call: Call = { ...made, proposedMicros, callId, reducerId, args: checked.args, idHints: [] };
    this.#callers.set(callId, { page, pageId: page.pageId, handleId, knownAs: callId });
    const pending = this.#predict(call, unpredicted);
    this.#progress(callId, this.#predictedProgress(pending));
    if (this.#metCallId === undefined && this.#unheardFrom === undefined) keepUnheard((this.#unheardFrom = callId));
    if (!keep(this.#stored(call))) this.#sendUpTo(callId);
  }

  /** Everything up to this call is there after a reload. */
  stored(callId: CallId): void {
    for (const { call } of this.#options.predictor.pending.after(this.#sendableCallId as CallId)) {
      if (call.callId > callId) break;
      this.#progress(call.callId, { type: 'stored' });
    }
    this.#sendUpTo(callId);
  }

  /** Nothing is kept from here on, so there is nothing to wait for. */
  unkept(): void {
    this.#sendUpTo(this.#lastCallId);
  }

  /** A new connection: everything that is not answered is sent again. */
  sendAll(): void {
    this.#connectionCallId = 0;
    this.#send();
  }

  /** Sends nothing until `release`. */
  hold(): void {
    this.#isHeld = true;
  }

  /** Sends them, but for those that the app has discarded. Gives those that are. */
  release(discard: readonly number[]): CallId[] {
    this.#isHeld = false;
    for (const callId of this.#callers.known(discard)) this.#undecided.add(callId);
    const discarded = this.#decide();
    this.#hear();
    this.sendAll();
    return discarded;
  }

  /** One that the authority has run is told as any other. */
  #decide(): CallId[] {
    const met = this.#metCallId;
    const discarded = [...this.#undecided].filter((id) => id > this.#sentCallId || (met !== undefined && id > met));
    for (const callId of met === undefined ? discarded : [...this.#undecided]) this.#undecided.delete(callId);
    for (const callId of discarded) {
      this.#progress(callId, {
        type: 'rejected',
        rejection: { code: 'call-rejected', message: 'The app has discarded this call.' },
      });
      this.#callers.delete(callId);
      this.#guesses.forget(callId);
    }
    if (discarded.length > 0) this.reconciled(this.#options.predictor.discard(discarded));
    return discarded;
  }

  /**
   * This client has another name than the calls were kept with. Until they are kept under this one a crash would send them
   * twice, once under each.
   */
  introduced({ clientId, identity }: Credentials): void {
    const { predictor, keep } = this.#options;
    this.#sendableCallId = 0;
    for (const { call } of predictor.pending) {
      if (!keep(this.#stored({ ...call, clientId, sender: identity ?? call.sender })))
        this.#sendableCallId = call.callId;
    }
  }

  #stored(call: Call): StoredCall {
    const { pageId = '', handleId = 0 } = this.#callers.get(call.callId) ?? {};
    const { name = '' } = this.#options.engine.definition.reducers[call.reducerId] ?? {};
    return {
      callId: call.callId,
      clientId: call.clientId,
      reducer: name,
      timestampMicros: call.timestampMicros,
      sender: call.sender.__identity__,
      connectionId: call.connectionId?.__connection_id__,
      idHints: call.idHints,
      args: this.#arguments.encoded(call),
      pageId,
      handleId,
    };
  }

  /**
   * The authority has run calls of this client up to `callId`. If that is beyond all that may have been sent from here, the
   * storage has gone back, and calls made since have numbers that were given before; nobody has heard of them yet, so they
   * get others. Gives the calls that are discarded.
   */
  met(callId: CallId): CallId[] {
    this.#metCallId = callId;
    if (callId > this.#sentCallId) this.#renumber(callId);
    this.#hear();
    return this.#decide();
  }

  /** A start that does not know that calls may have been sent would give them other numbers, and send them again. */
  #hear(): void {
    const { predictor, keep, keepUnheard } = this.#options;
    if (this.#unheardFrom === undefined || this.#isHeld || this.#metCallId === undefined) return;
    this.#unheardFrom = undefined;
    keepUnheard(undefined);
    const last = [...predictor.pending.after(this.#sentCallId as CallId)].at(-1);
    this.#sendableCallId = Math.min(this.#sendableCallId, this.#sentCallId);
    if (last === undefined || !keep(this.#stored(last.call))) this.#sendableCallId = this.#lastCallId;
  }

  #renumber(callId: CallId): void {
    const { predictor, pages, keepAnew } = this.#options;
    const from = this.#sentCallId;
    const shift = callId - from;
    this.#lastCallId = Math.max(this.#lastCallId, from) + shift;
    this.#sentCallId = callId;
    this.#sendableCallId = callId;
    const { moved, changes } = predictor.renumber(from as CallId, shift);
    pages.changed(changes);
    // From the last one, so that no number is taken that is still to be moved.
    for (const { call } of moved.toReversed()) this.#callers.move((call.callId - shift) as CallId, call.callId);
    const isKept = keepAnew(
      (from + 1) as CallId,
      moved.map(({ call }) => this.#stored(call)),
    );
    if (!isKept) this.#sendableCallId = this.#lastCallId;
  }

  /** What a page is told when it opens: calls that nobody on this device waits for any more. */
  earlier(pageId: string): EarlierCall[] {
    return [...this.#options.predictor.pending].flatMap((pending) => {
      const { call } = pending;
      const caller = this.#callers.get(call.callId);
      const isOwn = pageId !== '' && caller?.pageId === pageId;
      if (caller?.page !== undefined || isOwn) return [];
      return [
        {
          handleId: -(caller?.knownAs ?? call.callId),
          reducerId: call.reducerId,
          args: call.args,
          ...this.#predictedOf(pending),
        },
      ];
    });
  }

  readonly forget = (page: PageFeed): void => this.#callers.left(page);

  /** Tells the pages what a message of the authority did to rows and calls. */
  reconciled({ changes, settled, outcomeChanges }: ReconcileResult): void {
    const { engine, pages } = this.#options;
    pages.changed(changes);
    for (const [i, { pending, from, to }] of outcomeChanges.entries()) {
      const rowsMax = i < outcomesWithRowsMax ? changesMax : 0;
      const guess = this.#guesses.of({ call: pending.call, prediction: to });
      this.#progress(pending.call.callId, {
        type: 'outcomeChanged',
        from: outcomeSummary(engine, from, rowsMax),
        to: outcomeSummary(engine, to, rowsMax, guess),
      });
    }
    for (const { pending, outcome, asPredicted } of settled) {
      const progress: CallProgress =
        outcome.type === 'rejected'
          ? { type: 'rejected', rejection: outcome.rejection }
          : {
              type: 'confirmed',
              seq: outcome.type === 'committed' ? outcome.seq : undefined,
              asPredicted,
              replays: pending.replays,
            };
      const caller = this.#callers.get(pending.call.callId);
      if (caller !== undefined) this.#options.answered.add(caller, progress);
      this.#progress(pending.call.callId, progress);
      this.#callers.delete(pending.call.callId);
      this.#guesses.forget(pending.call.callId);
    }
    this.count(settled.length > 0);
  }

  #predict(call: Call, unpredicted: string | undefined): PendingCall {
    const { engine, predictor, pages } = this.#options;
    const predicts = engine.definition.reducers[call.reducerId]?.predict === true;
    const { pending, changes } = predictor.predict(call, predicts ? unpredicted : 'The reducer says predict: false.');
    pages.changed(changes);
    return pending;
  }

  /** A page that came from another host makes its calls again: those that got here are taken up, not made twice. */
  #isKnown(page: PageFeed, handleId: number): boolean {
    const { answered, predictor } = this.#options;
    const progress = answered.find({ pageId: page.pageId, handleId });
    if (progress !== undefined) {
      page.push({ type: 'call', handleId, progress });
      return true;
    }
    const callId = this.#callers.find({ pageId: page.pageId, handleId });
    const caller = callId === undefined ? undefined : this.#callers.get(callId);
    if (callId === undefined || caller === undefined) return false;
    // Without a name pages can't be told from each other. One with a name may have joined this host before, and has it now.
    if (page.pageId === '' && caller.page !== undefined) return false;
    this.#callers.set(callId, { ...caller, page });
    const pending = predictor.pending.get(callId);
    if (pending !== undefined) this.#progress(callId, this.#predictedProgress(pending));
    if (callId <= this.#sendableCallId) this.#progress(callId, { type: 'stored' });
    return true;
  }

  #sendUpTo(callId: number): void {
    this.#sendableCallId = Math.max(this.#sendableCallId, callId);
    this.#send();
  }

  /** What may be sent and has not been on this connection, a frame's worth at a time. */
  #send(): void {
    const { predictor, send, isLive, scheduler } = this.#options;
    if (this.#isHeld || this.#sendIsAsked || !isLive()) return;
    let [count, bytes] = [0, 0];
    for (const { call } of predictor.pending.after(this.#connectionCallId as CallId)) {
      if (call.callId > this.#sendableCallId) break;
      if (count++ === callsPerFrame || bytes >= limits.frameBytesTarget) {
        this.#sendIsAsked = true;
        scheduler.after(0, () => {
          this.#sendIsAsked = false;
          this.#send();
        });
        return;
      }
      const { callId, reducerId, timestampMicros, idHints } = call;
      const args = this.#arguments.encoded(call);
      bytes += args.length;
      this.#connectionCallId = callId;
      this.#sentCallId = Math.max(this.#sentCallId, callId);
      send({ type: 'call', callId, reducerId, timestampMicros, idHints, args });
    }
  }

  /** Tells the pages the counters, when one of them has grown. */
  count(isSettled = false): void {
    const { predictor, pages } = this.#options;
    const { pending, counters } = predictor;
    const told = counters.replayed + counters.rolledBack + counters.differences + counters.checked;
    if (!isSettled && this.#countersTold === told) return;
    this.#countersTold = told;
    pages.push({ type: 'counters', counters: { pending: pending.size, ...counters } });
  }

  #predictedProgress(pending: PendingCall): CallProgress {
    return { type: 'predicted', ...this.#predictedOf(pending) };
  }

  #predictedOf(pending: PendingCall): Pick<EarlierCall, 'prediction' | 'timestampMicros'> {
    const prediction = summary(pending.prediction, this.#guesses.of(pending));
    return { prediction, timestampMicros: pending.call.timestampMicros };
  }

  #progress(callId: CallId, progress: CallProgress): void {
    const caller = this.#callers.get(callId);
    if (caller?.page !== undefined) caller.page.push({ type: 'call', handleId: caller.handleId, progress });
    // Pages that were told of it when they opened know it by this.
    else this.#options.pages.push({ type: 'call', handleId: -(caller?.knownAs ?? callId), progress });
  }
}

function refuse(
  page: PageFeed,
  handleId: number,
  code: 'reducer-unknown' | 'limit-reached' | 'args-invalid',
  message: string,
): void {
  page.push({ type: 'call', handleId, progress: { type: 'rejected', rejection: { code, message } } });
}
