/**
 * The calls that this client's pages make: numbered, predicted, sent, and told of until they are answered.
 *
 * Law: numbers are given in the order in which the calls were made, and calls are sent in that order, on each connection
 * from the first that is not answered.
 */

import { type Codec, compileCodec } from '../core/codec/bsatn.ts';
import { ByteReader, ByteWriter } from '../core/codec/bytes.ts';
import type { Call, CallId, ClientId } from '../core/commit/call.ts';
import { limits } from '../core/limits.ts';
import type { Engine } from '../core/engine/engine.ts';
import type { CallMessage } from '../core/protocol/messages.ts';
import type { ConnectionId } from '../core/value/connection-id.ts';
import type { Identity } from '../core/value/identity.ts';
import type { CallProgress, HostCall, PredictionSummary } from './client/host-api.ts';
import type { PageFeed } from './page-feed.ts';
import type { Pages } from './pages.ts';
import type { PendingCall, Prediction } from './predict/pending.ts';
import type { Predictor, ReconcileResult } from './predict/predictor.ts';

export interface OwnCallsOptions {
  readonly engine: Engine;
  readonly predictor: Predictor;
  readonly pages: Pages;
  readonly send: (message: CallMessage) => void;
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

interface Caller {
  readonly page: PageFeed;
  readonly handleId: number;
}

export class OwnCalls {
  readonly #engine: Engine;
  readonly #predictor: Predictor;
  readonly #pages: Pages;
  readonly #send: (message: CallMessage) => void;
  readonly #argsCodecs: readonly Codec[];
  readonly #callers = new Map<CallId, Caller>();
  #lastCallId = 0;
  #replayedTold = 0;
  #rolledBackTold = 0;

  constructor({ engine, predictor, pages, send }: OwnCallsOptions) {
    this.#engine = engine;
    this.#predictor = predictor;
    this.#pages = pages;
    this.#send = send;
    this.#argsCodecs = engine.definition.reducers.map((reducer) => compileCodec(reducer.params));
  }

  make(page: PageFeed, { handleId, reducerId, args }: HostCall, circumstances: CallCircumstances): void {
    const reducer = this.#engine.definition.reducers[reducerId];
    const codec = this.#argsCodecs[reducerId];
    if (reducer === undefined || codec === undefined)
      return refuse(page, handleId, 'reducer-unknown', `There is no reducer number ${reducerId}.`);
    if (this.#predictor.pending.size >= limits.pendingCallsMax) {
      return refuse(
        page,
        handleId,
        'limit-reached',
        `${limits.pendingCallsMax} calls wait for the authority already (pendingCallsMax). Call again when it has answered some.`,
      );
    }
    const { unpredicted, ...made } = circumstances;
    const callId = ++this.#lastCallId as CallId;
    const call: Call = { ...made, callId, reducerId, args: codec.decode(new ByteReader(args)), idHints: [] };
    this.#callers.set(callId, { page, handleId });
    const { pending, changes } = this.#predictor.predict(
      call,
      reducer.predict ? unpredicted : 'The reducer says predict: false.',
    );
    this.#pages.changed(changes);
    this.#progress(pending, {
      type: 'predicted',
      prediction: summary(pending.prediction),
      timestampMicros: call.timestampMicros,
    });
    this.#send(this.#message(call, args));
  }

  /** A new connection: everything that is not answered is sent again. */
  sendAll(): void {
    for (const { call } of this.#predictor.pending) this.#send(this.#message(call, undefined));
  }

  /** The page is gone, and with it whoever waits for its calls. */
  forget(page: PageFeed): void {
    for (const [callId, caller] of this.#callers) if (caller.page === page) this.#callers.delete(callId);
  }

  /** Tells the pages what a message of the authority did to rows and calls. */
  reconciled({ changes, settled, outcomeChanges }: ReconcileResult): void {
    this.#pages.changed(changes);
    for (const { pending, from, to } of outcomeChanges) {
      this.#progress(pending, { type: 'outcomeChanged', from: summary(from), to: summary(to) });
    }
    for (const { pending, outcome, asPredicted } of settled) {
      this.#progress(
        pending,
        outcome.type === 'rejected'
          ? { type: 'rejected', rejection: outcome.rejection }
          : { type: 'confirmed', seq: outcome.type === 'committed' ? outcome.seq : undefined, asPredicted },
      );
      this.#callers.delete(pending.call.callId);
    }
    this.#count(settled.length > 0);
  }

  #count(isSettled: boolean): void {
    const { pending, counters } = this.#predictor;
    if (!isSettled && this.#replayedTold === counters.replayed && this.#rolledBackTold === counters.rolledBack) return;
    this.#replayedTold = counters.replayed;
    this.#rolledBackTold = counters.rolledBack;
    this.#pages.push({ type: 'counters', counters: { pending: pending.size, ...counters } });
  }

  #progress({ call }: PendingCall, progress: CallProgress): void {
    const caller = this.#callers.get(call.callId);
    caller?.page.push({ type: 'call', handleId: caller.handleId, progress });
  }

  #message(call: Call, args: Uint8Array | undefined): CallMessage {
    const { callId, reducerId, timestampMicros, idHints } = call;
    return { type: 'call', callId, reducerId, timestampMicros, idHints, args: args ?? this.#encodeArgs(call) };
  }

  #encodeArgs(call: Call): Uint8Array {
    const writer = new ByteWriter();
    this.#argsCodecs[call.reducerId]?.encode(writer, call.args);
    return writer.take();
  }
}

function refuse(page: PageFeed, handleId: number, code: 'reducer-unknown' | 'limit-reached', message: string): void {
  page.push({ type: 'call', handleId, progress: { type: 'rejected', rejection: { code, message } } });
}

function summary(prediction: Prediction): PredictionSummary {
  if (prediction.type === 'predicted') return { type: 'predicted', changedRows: prediction.changes.length };
  if (prediction.type === 'failing') return { type: 'failing', rejection: prediction.rejection };
  return { type: 'unpredicted', reason: prediction.reason };
}
