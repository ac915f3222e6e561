/**
 * One connection, as the authority sees it: greeting, then live, then closed.
 *
 * Law: what a session is sent is in the order of the log. Nothing that is not durable leaves here: rows read from the
 * engine wait in `#held` until the batch they are as of is durable.
 */

import { AssertionError, unreachable } from '../assert.ts';
import type { Authority } from '../authority/authority.ts';
import type { DurableBatch } from '../authority/batch.ts';
import type { CallRequest } from '../authority/call-request.ts';
import type { ClientRecord } from '../authority/clients.ts';
import type { Lease } from '../authority/id-lease.ts';
import type { Codec } from '../codec/bsatn.ts';
import { ByteReader, ByteWriter } from '../codec/bytes.ts';
import type { CallId, Outcome } from '../commit/call.ts';
import type { RowChange } from '../commit/row-change.ts';
import { type ErrorCode, ForerunError } from '../errors.ts';
import { limits } from '../limits.ts';
import { clientTag, decodeClientMessage, encodeServerMessage } from '../protocol/frame.ts';
import type { ClientMessage, HelloMessage } from '../protocol/messages.ts';
import type { Transport, TransportEvents } from '../protocol/transport.ts';
import type { ConnectionId } from '../value/connection-id.ts';
import type { Identity } from '../value/identity.ts';
import { readCall } from './call-reader.ts';
import { CallMeter, callsWorth } from './call-meter.ts';
import { allEphemeralRows, type EphemeralBytes, ephemeralMessage, ToldRows } from './ephemeral-feed.ts';
import type { EphemeralReader } from './ephemeral-feed.ts';
import { batchMessage, type CommitBytes, outcomesMessage, stagedMessage } from './fan-out.ts';
import { type HeldFrame, HeldFrames } from './held-frames.ts';
import type { SessionHub } from './hub.ts';
import type { OlderBatches } from './missed.ts';
import { Behind, isCommitOf, isSlow, type SlowSession } from './slow-readers.ts';
import type { SharedQuery } from './shared-query.ts';
import { Subscriptions } from './subscriptions.ts';
import { type ToldOutcomes, toldOutcomes } from './told-outcomes.ts';

type State =
  /** `knowsModule`: it has been told the authority's module, since its hello had another one's hash. */
  | { readonly type: 'greeting'; readonly knowsModule: boolean }
  /** Between `hello` and `welcome`: the token is being checked and `clientConnected` runs. */
  | { readonly type: 'admitting' }
  | {
      readonly type: 'live';
      readonly client: ClientRecord;
      readonly connectionId: ConnectionId;
      readonly subscriptions: Subscriptions;
    }
  | { readonly type: 'closed' };

const unconditionally = { isWanted: () => true, afterwards: () => {} } as const;

export class Session implements TransportEvents, SlowSession {
  /** In the order in which connections were taken. */
  readonly number: number;
  readonly #hub: SessionHub;
  readonly #authority: Authority;
  readonly #argsCodec: (reducerId: number) => Codec | undefined;
  #transport: Transport | undefined;
  #state: State = { type: 'greeting', knowsModule: false };
  readonly #held = new HeldFrames();
  /** Of the calls, from the welcome on. */
  #meter: CallMeter | undefined;
  /** It is sent no batches, and then the net of them. */
  #behind: Behind | undefined;
  readonly #toldEphemeral = new ToldRows();
  /** The batch of which it has been decided that it is sent. */
  #sentBatch = 0;

  constructor(hub: SessionHub, authority: Authority, number: number) {
    this.#hub = hub;
    this.#argsCodec = (reducerId) => hub.argsCodec(reducerId);
    this.#authority = authority;
    this.number = number;
  }

  attach(transport: Transport): void {
    this.#transport = transport;
  }

  get client(): ClientRecord | undefined {
    return this.#state.type === 'live' ? this.#state.client : undefined;
  }

  receive(frame: Uint8Array): void {
    try {
      const reader = new ByteReader(frame);
      let nowMicros: number | undefined;
      while (reader.remaining > 0) {
        const state = this.#state;
        if (state.type === 'live' && reader.peek() === clientTag.call) {
          reader.u8();
          nowMicros ??= this.#hub.nowMicros();
          this.#meter?.take(nowMicros);
          this.#call(state.client, readCall(reader, this.#argsCodec, state.connectionId, nowMicros));
        } else if (state.type === 'closed') return;
        else {
          const message = decodeClientMessage(reader);
          nowMicros ??= this.#hub.nowMicros();
          this.#meter?.spend(callsWorth(message), nowMicros);
          this.#handle(message);
        }
      }
    } catch (error) {
      if (!(error instanceof ForerunError)) throw error;
      this.fail(error.code, error.message);
    }
  }

  closed(): void {
    const state = this.#state;
    if (state.type === 'closed') return;
    this.#state = { type: 'closed' };
    this.#held.clear();
    if (state.type === 'live') state.subscriptions.close();
    this.#hub.remove(this, state.type === 'live' ? state.client : undefined);
    if (state.type === 'live') this.#authority.disconnect(state.connectionId);
  }

  /** A batch has become durable; `outcomes` are those of this session's own calls. */
  durable(batch: DurableBatch, commits: CommitBytes | undefined, outcomes: ToldOutcomes): void {
    if (this.#state.type !== 'live') return;
    if (this.#isLeftOut(batch)) this.#behind?.answer(outcomes.list());
    else this.#tell(commits, outcomes, batch.lastSeq);
  }

  /** Answers a call that ran before. */
  repeat(outcome: Outcome): void {
    if (this.#behind !== undefined) this.#behind.answer([outcome]);
    else this.#tell(undefined, toldOutcomes([outcome]), this.#authority.durableSeq);
  }

  /** A batch has become durable that changes what is on its way for a subscription. */
  staged(batch: DurableBatch, subscriptionId: number, commits: CommitBytes): void {
    if (!this.#isLeftOut(batch)) this.#transmit(stagedMessage(subscriptionId, commits));
  }

  get behind(): Behind | undefined {
    return this.#behind;
  }

  audiences(): ReturnType<SlowSession['audiences']> {
    return this.#state.type === 'live' ? this.#state.subscriptions.audiences : { main: undefined, staged: undefined };
  }

  caughtUp({ lastSeq, main, staged }: Parameters<SlowSession['caughtUp']>[0]): void {
    const [state, behind] = [this.#state, this.#behind];
    this.#behind = undefined;
    if (state.type !== 'live' || behind === undefined) return;
    this.#tell(main, toldOutcomes(behind.outcomes), lastSeq);
    const { stagedId } = state.subscriptions;
    if (staged !== undefined && stagedId !== undefined) this.#transmit(stagedMessage(stagedId, staged));
    for (const change of behind.asked) state.subscriptions.change(change);
  }

  letGo(): void {
    this.#transport?.close();
    this.closed();
  }

  /** Sends it when everything executed so far is durable, if it is wanted then. */
  hold(
    frame: Uint8Array,
    { isWanted, afterwards }: Pick<HeldFrame, 'isWanted' | 'afterwards'> = unconditionally,
  ): void {
    if (this.#state.type === 'closed') return;
    const batch = this.#authority.executedBatch;
    if (batch <= this.#authority.durableBatch && this.#held.isEmpty) {
      if (isWanted()) this.#transmit(frame);
      if (isWanted()) afterwards();
      return;
    }
    this.#held.add({ batch, frame, isWanted, afterwards });
    this.#hub.waits(this);
  }

  /** What waited for the batch that is durable now. Gives whether something waits still. */
  releaseHeld(): boolean {
    return this.#held.release(this.#authority.durableBatch, (frame) => this.#transmit(frame));
  }

  /** What a call of this session's own did to ephemeral rows; its outcome follows. */
  ownEphemeral(callId: CallId, changes: readonly RowChange[]): void {
    const message = ephemeralMessage(this.#authority.engine, this.#reader, changes, callId);
    if (message !== undefined) this.#transmit(message);
  }

  sendEphemeral(bytes: EphemeralBytes): boolean {
    if (this.bufferedBytes() > limits.ephemeralBufferedBytesMax) return false;
    const message = bytes.message(this.#reader);
    // Whose rows they are may follow from commits that are not durable yet.
    if (message !== undefined) bytes.isJoined(this.#reader.scope) ? this.hold(message) : this.#transmit(message);
    return true;
  }

  sendAllEphemeral(ended: readonly SharedQuery[] = []): boolean {
    this.#toldEphemeral.end(ended);
    if (this.bufferedBytes() > limits.ephemeralBufferedBytesMax) return false;
    this.#authority.betweenBatches(() => {
      const message = allEphemeralRows(this.#authority.engine, this.#reader);
      if (message !== undefined) this.hold(message);
    });
    return true;
  }

  send(message: EncodedHere): void {
    this.#transmit(encoded(message));
  }

  /** Says why, and ends the connection: here and now, whenever the transport says that it has closed. */
  fail(code: ErrorCode, message: string): void {
    if (this.#state.type === 'closed') return;
    this.send({ type: 'error', code, message });
    this.#transport?.close();
    this.closed();
  }

  /** On their way to the client, those included that wait for their batch. */
  bufferedBytes(): number {
    return this.#held.bytes + (this.#transport?.bufferedBytes() ?? 0);
  }

  /** Whether this batch, and all later ones until it has caught up, are not sent to it one by one. */
  #isLeftOut({ number, firstSeq }: DurableBatch): boolean {
    if (this.#behind !== undefined) return true;
    const { slowReaders } = this.#hub;
    if (slowReaders === undefined || number === this.#sentBatch) return false;
    this.#sentBatch = number;
    // What is held back is as of a batch that must be sent before it.
    if (!this.#held.isEmpty || !isSlow(this)) return false;
    this.#behind = new Behind((firstSeq - 1) as Behind['seq'], Object.values(this.audiences()));
    slowReaders.add(this);
    return true;
  }

  #tell(commits: CommitBytes | undefined, outcomes: ToldOutcomes, lastSeq: DurableBatch['lastSeq']): void {
    const { scratch } = this.#hub;
    this.#meter?.answered(outcomes.count);
    if (commits !== undefined) this.#transmit(batchMessage(scratch, commits, outcomes));
    else if (outcomes.count > 0) this.#transmit(outcomesMessage(scratch, outcomes, lastSeq));
  }

  #handle(message: ClientMessage): void {
    const state = this.#state;
    if (message.type === 'hello') {
      if (state.type !== 'greeting') throw new ForerunError('frame-invalid', 'A connection says hello once, first.');
      if (message.moduleHash !== this.#authority.definition.hash) return this.#tellModule(state.knowsModule);
      this.#state = { type: 'admitting' };
      this.#admit(message).catch((error: unknown) => this.#refuse(error));
      return;
    }
    if (message.type === 'ping') {
      this.send({ type: 'pong', sentMs: message.sentMs, authorityMicros: this.#hub.nowMicros() });
      return;
    }
    if (state.type !== 'live') throw new ForerunError('frame-invalid', 'Say hello first, and wait for the welcome.');
    switch (message.type) {
      case 'call':
        throw new AssertionError('the calls of a live session are read by readCall');
      case 'subscribe':
      case 'unsubscribe':
        return this.#behind === undefined ? state.subscriptions.change(message) : this.#behind.ask(message);
      case 'acknowledge':
        return this.#authority.acknowledge(state.client, message.callId);
      default:
        return unreachable(message);
    }
  }

  /** Once: whether the two understand each other the client can see. */
  #tellModule(isKnown: boolean): void {
    if (isKnown)
      throw new ForerunError(
        'module-mismatch',
        'The client was built from another version of the module than the one that runs here. Reload the page to get the current one.',
      );
    this.#state = { type: 'greeting', knowsModule: true };
    this.send({ type: 'module', outline: this.#hub.outline });
  }

  async #admit(hello: HelloMessage): Promise<void> {
    if (this.#authority.failure !== undefined) throw this.#authority.failure;
    const { identity, token } = await this.#hub.authenticate(hello.token);
    if (!this.#isAdmitting()) return;
    this.#hub.checkIdentity(identity);
    const client = this.#authority.client(hello.clientId, identity);
    const connectionId = this.#hub.newConnectionId();
    await this.#authority.connect(connectionId, identity);
    const older = await this.#hub.older(hello.position);
    if (!this.#isAdmitting()) return this.#authority.disconnect(connectionId);
    if (!this.#hub.replace(client, this)) return this.#authority.disconnect(connectionId);
    this.#authority.acknowledge(client, hello.settledCallId);
    const subscriptions = this.#subscriptions(identity);
    this.#state = { type: 'live', client, connectionId, subscriptions };
    this.#meter = new CallMeter(this.#hub.limits, this.#hub.nowMicros());
    this.#welcome(hello, token, older, this.#state);
  }

  /** Asked again after each wait, in which the connection may have ended. */
  #isAdmitting(): boolean {
    return this.#state.type === 'admitting';
  }

  #subscriptions(identity: Identity): Subscriptions {
    return new Subscriptions({
      authority: this.#authority,
      environment: this.#hub.environment,
      queries: this.#hub.queries,
      viewer: { identity, isOwner: this.#hub.isOwner(identity) },
      visibility: this.#hub.visibility,
      views: this.#hub.views,
      receiver: this,
      session: {
        hold: (frame, condition) => this.hold(frame, condition),
        // A snapshot waits as well.
        bufferedBytes: () => (this.#behind === undefined ? this.bufferedBytes() : Number.POSITIVE_INFINITY),
        sendAllEphemeral: (ended) => this.sendAllEphemeral(ended),
        send: (message) => this.send(message),
        encode: encoded,
      },
    });
  }

  /** What it is sent every change of, so that its rows can be compared; nothing while it is behind. */
  checkedQueries(): readonly SharedQuery[] {
    if (this.#state.type !== 'live' || this.#behind !== undefined) return [];
    return this.#state.subscriptions.scope?.plus ?? [];
  }

  /** What this session is sent ephemeral rows of. */
  get #reader(): EphemeralReader {
    const scope = this.#state.type === 'live' ? this.#state.subscriptions.scope : undefined;
    return { scope, told: this.#toldEphemeral };
  }

  #welcome(
    hello: HelloMessage,
    token: string,
    older: OlderBatches | undefined,
    live: Extract<State, { type: 'live' }>,
  ): void {
    const { client, connectionId, subscriptions } = live;
    const refusals = subscriptions.greet(hello.subscriptions);
    this.#hub.checks.start();
    // A commit of the client's own is told together with its outcome, or it would be taken for somebody else's.
    const outcomes = this.#authority.outcomesAfter(client, hello.settledCallId);
    const missed =
      refusals.length > 0
        ? undefined
        : this.#hub.missed(hello.position, older, subscriptions.queries, isCommitOf(outcomes));
    const { durableSeq, epoch, databaseIdentity } = this.#authority;
    this.send({
      type: 'welcome',
      epoch,
      seq: durableSeq,
      resumed: missed !== undefined,
      lastCallId: client.lastCallId as HelloMessage['settledCallId'],
      identity: client.identity.__identity__,
      connectionId: connectionId.__connection_id__,
      token,
      databaseIdentity: databaseIdentity.__identity__,
      authorityMicros: this.#hub.nowMicros(),
    });
    for (const refusal of refusals) this.send(refusal);
    const { scratch } = this.#hub;
    const told = toldOutcomes(outcomes);
    if (missed?.isEmpty === false) this.#transmit(batchMessage(scratch, missed.commits, told));
    else if (told.count > 0) this.#transmit(outcomesMessage(scratch, told, durableSeq));
    if (missed === undefined) subscriptions.sendAll();
    else subscriptions.sendAllEphemeral();
    this.#tellLeases(client);
    this.#lendIds(client);
  }

  #call(client: ClientRecord, request: CallRequest): void {
    const known = this.#authority.call(client, request);
    if (known !== undefined) this.#hub.repeat(this, known);
    if (request.idHints.length > 0) this.#lendIds(client);
  }

  /** Keeps a client supplied with values to predict from; what is lent is told when it is durable. */
  #lendIds(client: ClientRecord): void {
    for (const { table, column } of this.#hub.leasedColumns) {
      const lease = this.#authority.lend(table, column, client);
      if (lease !== undefined) this.#tellLease(lease);
    }
  }

  /** All that a client holds: what it was told on an earlier connection may not have arrived. */
  #tellLeases(client: ClientRecord): void {
    for (const { table, column } of this.#hub.leasedColumns) {
      for (const lease of this.#authority.leases(table.tableId, column, client)) this.#tellLease(lease);
    }
  }

  #tellLease({ tableId, column, from, to }: Lease): void {
    this.hold(encoded({ type: 'lease', tableId, column, from, to }));
  }

  #refuse(error: unknown): void {
    if (error instanceof ForerunError) this.fail(error.code, error.message);
    else {
      this.fail('internal', 'The authority failed to admit this connection.');
      this.#hub.connectionFailed(error);
    }
  }

  #transmit(frame: Uint8Array): void {
    if (this.#state.type !== 'closed') this.#transport?.send(frame);
  }
}

type EncodedHere = Parameters<typeof encodeServerMessage>[1];

function encoded(message: EncodedHere): Uint8Array {
  const writer = new ByteWriter();
  encodeServerMessage(writer, message);
  return writer.take();
}
