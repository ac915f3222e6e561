/**
 * The connection to the authority: opened again whenever it is lost, until it is stopped.
 *
 * Law: the host hears of each life of it as `welcomed`, messages, `lost`, in that order. Frames of an earlier life never
 * reach it. Simulated latency delays frames here, in both directions, so that everything above it feels a slow network.
 */

import { unreachable } from '../../core/assert.ts';
import { ByteReader, ByteWriter } from '../../core/codec/bytes.ts';
import type { Commit } from '../../core/commit/commit.ts';
import type { Environment } from '../../core/environment.ts';
import { type ErrorCode, ForerunError } from '../../core/errors.ts';
import { decodeServerMessage, encodeClientMessage } from '../../core/protocol/frame.ts';
import type { ClientMessage, HelloMessage, ServerMessage, WelcomeMessage } from '../../core/protocol/messages.ts';
import type { Transport, TransportEvents } from '../../core/protocol/transport.ts';
import type { PendingCalls } from '../predict/pending.ts';
import type { AuthorityModule } from './authority-module.ts';
import { DelayLine } from './delay-line.ts';
import { ServerClock } from './server-clock.ts';

export interface ConnectionOptions {
  readonly environment: Environment;
  /** Starts a transport; `opened` once it can carry frames. */
  readonly connect: (events: TransportEvents & { readonly opened: () => void }) => Transport;
  /** Made anew for each life. */
  readonly hello: () => HelloMessage;
  readonly module: AuthorityModule;
  /** The last time that a call has proposed, at an earlier start. */
  readonly proposedMicros: number | undefined;
  readonly events: ConnectionEvents;
}

export interface ConnectionEvents {
  readonly welcomed: (welcome: WelcomeMessage) => void;
  /** All messages of one frame. */
  readonly received: (messages: readonly ServerMessage[]) => void;
  /** It will be tried again after `retryMs`; never, when that is undefined. */
  readonly lost: (error: ForerunError, retryMs: number | undefined) => void;
}

type State =
  | { readonly type: 'idle' }
  | { readonly type: 'connecting'; readonly life: Life }
  | { readonly type: 'greeting'; readonly life: Life }
  | { readonly type: 'live'; readonly life: Life }
  | { readonly type: 'waiting'; readonly cancel: () => void }
  | { readonly type: 'stopped' };

/** One transport; events of another than the current one are ignored. */
interface Life {
  transport: Transport | undefined;
  /** When it last said hello. */
  greetedMs: number;
  lastHeardMs: number;
  /** After having been asleep, or when it is looked at again, it has asked whether somebody is there, and has not heard. */
  isAsked: boolean;
}

const pingMs = 3_000;
const silenceMsMax = 10_000;
/** A timer that comes so much too late tells that this side was asleep, or is held back: silence proves nothing then. */
const lateMsMax = 1_000;
/** Who was asleep asks, and gives up what has not answered after so long. */
const answerMsMax = 3_000;
/** However many calls tell that the estimate of the authority's time is wrong. */
const clockAskMsMin = 500;
/** So long a connection has, when the network may be another one, to show that it is alive. */
const wakeMsMax = 2_000;
const retryMsMin = 250;
const retryMsMax = 10_000;

/** After these, trying again would be answered the same way. */
const finalCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'connection-refused',
  'module-mismatch',
  'protocol-mismatch',
  'token-invalid',
  'frame-invalid',
  'frame-too-large',
]);

export class Connection {
  readonly #clock: ServerClock;
  readonly #options: ConnectionOptions;
  readonly #writer = new ByteWriter();
  readonly #delay: DelayLine;
  #state: State = { type: 'idle' };
  #attempts = 0;
  #offline = false;
  #lastError: ForerunError | undefined;
  #sendAsked = false;
  #clockAskedMs = Number.NEGATIVE_INFINITY;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#delay = new DelayLine(options.environment);
    this.#clock = new ServerClock(options.environment.clock, options.proposedMicros);
  }

  start(): void {
    if (this.#state.type === 'idle') this.#connect();
  }

  get isLive(): boolean {
    return this.#state.type === 'live';
  }

  /** Puts a message on the next frame, which leaves at the end of the tick. Does nothing while not live. */
  send(message: ClientMessage): void {
    if (this.#state.type !== 'live') return;
    const { offset } = this.#writer;
    try {
      encodeClientMessage(this.#writer, this.#options.module.sent(message));
    } catch (error) {
      // Half a message would make nonsense of all that follows it in the frame.
      this.#writer.offset = offset;
      throw error;
    }
    if (this.#sendAsked) return;
    this.#sendAsked = true;
    this.#options.environment.scheduler.soon(() => this.#flush());
  }

  /** What a call that is made now proposes as its time. */
  proposal(): number {
    this.#checkClock();
    return this.#clock.arrivalMicros();
  }

  /** What the authority made of the times that these calls have proposed tells when the client's clock is wrong. */
  learnTimes(commits: readonly Commit[], pending: PendingCalls): void {
    for (const { ownCallId, timestampMicros } of commits) {
      const own = ownCallId === undefined ? undefined : pending.get(ownCallId);
      if (own !== undefined) this.#clock.given(own.call.proposedMicros, timestampMicros);
    }
    this.#checkClock();
  }

  /** Delays everything by this round-trip time. */
  simulateLatency(roundTripMs: number): void {
    this.#delay.delayMs = roundTripMs / 2;
  }

  /** As if the network were unplugged. */
  simulateOffline(offline: boolean): void {
    this.#offline = offline;
    if (offline && 'life' in this.#state) this.#state.life.transport?.close();
    else if (!offline) this.retryNow();
  }

  /** The network may be back, or another one: a pause ends, and what was begun before it has a short time to go on. */
  retryNow(): void {
    if ('life' in this.#state) return this.#prove(this.#state.life);
    if (this.#state.type !== 'waiting') return;
    this.#state.cancel();
    this.#connect();
  }

  #prove(life: Life): void {
    if (life.isAsked) return;
    life.isAsked = true;
    this.#sendPing();
    this.#options.environment.scheduler.after(wakeMsMax, () => {
      if (!this.#isCurrent(life) || !life.isAsked) return;
      life.transport?.close();
      this.#closed(life);
      this.retryNow();
    });
  }

  /** Ends this connection and makes another. */
  restart(): void {
    if (!('life' in this.#state)) return;
    const { life } = this.#state;
    life.transport?.close();
    this.#closed(life);
  }

  stop(): void {
    const state = this.#state;
    this.#state = { type: 'stopped' };
    if (state.type === 'waiting') state.cancel();
    else if ('life' in state) state.life.transport?.close();
  }

  #connect(): void {
    const { environment, connect } = this.#options;
    if (this.#offline) return this.#wait(new ForerunError('not-connected', 'Offline is being simulated.'));
    const nowMs = environment.clock.monotonicMs();
    const life: Life = { transport: undefined, greetedMs: nowMs, lastHeardMs: nowMs, isAsked: false };
    this.#state = { type: 'connecting', life };
    this.#delay.reset();
    life.transport = connect({
      opened: () => this.#opened(life),
      receive: (frame) => this.#delay.pass(() => this.#receive(life, frame)),
      closed: () => this.#closed(life),
    });
    this.#watch(life, silenceMsMax);
  }

  #opened(life: Life): void {
    if (!this.#isCurrent(life)) return;
    this.#state = { type: 'greeting', life };
    life.isAsked = false;
    this.#sayHello(life);
  }

  #sayHello(life: Life): void {
    const writer = new ByteWriter();
    encodeClientMessage(writer, this.#options.hello());
    life.greetedMs = this.#monotonicMs();
    this.#transmit(life, writer.take());
  }

  #receive(life: Life, frame: Uint8Array): void {
    if (!this.#isCurrent(life)) return;
    life.lastHeardMs = this.#monotonicMs();
    life.isAsked = false;
    try {
      const reader = new ByteReader(frame);
      const { module } = this.#options;
      const messages: ServerMessage[] = [];
      while (reader.remaining > 0) {
        const message = module.received(decodeServerMessage(reader, module.shapeOf));
        if (message !== undefined) messages.push(message);
      }
      this.#dispatch(life, messages);
    } catch (error) {
      if (!(error instanceof ForerunError)) throw error;
      if (error.code === 'module-mismatch') return this.#refuse(life, error);
      this.#lastError = new ForerunError('not-connected', `The authority sent what can't be read (${error.message})`, {
        cause: error,
      });
      life.transport?.close();
    }
  }

  #dispatch(life: Life, messages: readonly ServerMessage[]): void {
    const forHost: ServerMessage[] = [];
    for (const message of messages) {
      switch (message.type) {
        case 'welcome':
          this.#state = { type: 'live', life };
          this.#attempts = 0;
          this.#lastError = undefined;
          this.#clock.greeted(message, this.#monotonicMs() - life.greetedMs);
          this.#ping(life);
          this.#options.events.welcomed(message);
          break;
        case 'pong':
          this.#clock.learn(message.authorityMicros, this.#monotonicMs() - message.sentMs);
          break;
        case 'module':
          if (this.#state.type !== 'greeting') throw new ForerunError('frame-invalid', 'a module, but nobody asked');
          this.#options.module.meet(message.outline);
          this.#sayHello(life);
          break;
        case 'error':
          this.#lastError = new ForerunError(message.code, message.message);
          break;
        case 'batch':
        case 'snapshot':
        case 'staged':
        case 'leaving':
        case 'applied':
        case 'ended':
        case 'subscriptionRefused':
        case 'lease':
        case 'check':
        case 'ephemeral':
          forHost.push(message);
          break;
        default:
          unreachable(message);
      }
    }
    if (forHost.length > 0) this.#options.events.received(forHost);
  }

  /** This side can't go on with what the other is. */
  #refuse(life: Life, error: ForerunError): void {
    this.#lastError = error;
    life.transport?.close();
    this.#closed(life);
  }

  #closed(life: Life): void {
    if (!this.#isCurrent(life)) return;
    this.#writer.reset();
    const error =
      this.#lastError ??
      new ForerunError('not-connected', 'The connection to the authority was lost, or could not be made.');
    this.#lastError = undefined;
    if (finalCodes.has(error.code)) {
      this.#state = { type: 'stopped' };
      this.#options.events.lost(error, undefined);
    } else this.#wait(error);
  }

  /** Exponential back-off with full jitter, so that clients of a restarted authority don't come back all at once. */
  #wait(error: ForerunError): void {
    const { environment, events } = this.#options;
    const ceilingMs = Math.min(retryMsMax, retryMsMin * 2 ** this.#attempts++);
    const [random = 0] = environment.entropy.fill(new Uint8Array(1));
    const retryMs = Math.round(retryMsMin / 2 + (ceilingMs * random) / 255);
    this.#state = { type: 'waiting', cancel: environment.scheduler.after(retryMs, () => this.#connect()) };
    events.lost(error, retryMs);
  }

  #ping(life: Life): void {
    if (!this.#isCurrent(life)) return;
    this.#sendPing();
    this.#options.environment.scheduler.after(pingMs, () => this.#ping(life));
  }

  #sendPing(): void {
    this.send({ type: 'ping', sentMs: this.#monotonicMs() });
  }

  /** A connection on which nothing has been heard for too long is dead, whatever the socket believes. */
  #watch(life: Life, delayMs: number): void {
    const { clock, scheduler } = this.#options.environment;
    const dueMs = clock.monotonicMs() + delayMs;
    scheduler.after(delayMs, () => {
      if (!this.#isCurrent(life)) return;
      const nowMs = clock.monotonicMs();
      const silenceMs = nowMs - life.lastHeardMs;
      if (silenceMs < silenceMsMax) return this.#watch(life, silenceMsMax - silenceMs);
      if (nowMs - dueMs > lateMsMax && !life.isAsked) {
        life.isAsked = true;
        this.#sendPing();
        return this.#watch(life, answerMsMax);
      }
      life.transport?.close();
      this.#closed(life);
    });
  }

  /** Asks the authority for its time when there is reason to. */
  #checkClock(): void {
    const nowMs = this.#monotonicMs();
    if (!this.#clock.isDoubted || Math.abs(nowMs - this.#clockAskedMs) < clockAskMsMin) return;
    this.#clockAskedMs = nowMs;
    this.#sendPing();
  }

  #monotonicMs(): number {
    return this.#options.environment.clock.monotonicMs();
  }

  #flush(): void {
    this.#sendAsked = false;
    if (this.#state.type === 'live' && this.#writer.offset > 0) this.#transmit(this.#state.life, this.#writer.take());
    this.#writer.reset();
  }

  #transmit(life: Life, frame: Uint8Array): void {
    this.#delay.pass(() => {
      if (this.#isCurrent(life)) life.transport?.send(frame);
    });
  }

  #isCurrent(life: Life): boolean {
    return 'life' in this.#state && this.#state.life === life;
  }
}
