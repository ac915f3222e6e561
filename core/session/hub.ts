/**
 * All connections of one authority: it hands them what becomes durable, and what they missed when they come back.
 *
 * It knows transports, not sockets, so it serves a Node server, a page that hosts its own authority, and a test alike.
 */

import type { Authority } from '../authority/authority.ts';
import type { DurableBatch } from '../authority/batch.ts';
import type { ClientRecord } from '../authority/clients.ts';
import { leasedColumns } from '../authority/id-lease.ts';
import { type Codec, compileCodec } from '../codec/bsatn.ts';
import { ByteWriter } from '../codec/bytes.ts';
import type { Outcome, Position, Seq } from '../commit/call.ts';
import type { RowChange } from '../commit/row-change.ts';
import type { Environment } from '../environment.ts';
import { ForerunError } from '../errors.ts';
import { limits } from '../limits.ts';
import { type ModuleOutline, outlineOf } from '../module/module-outline.ts';
import type { Transport, TransportEvents } from '../protocol/transport.ts';
import { Visibility } from '../query/visibility.ts';
import { ConnectionId } from '../value/connection-id.ts';
import type { Identity } from '../value/identity.ts';
import type { CallMeterLimits } from './call-meter.ts';
import { EphemeralFeed } from './ephemeral-feed.ts';
import { type CommitBytes, FanOut, type ViewTurns } from './fan-out.ts';
import { type OlderBatches, readOlder } from './missed.ts';
import { JoinedNet } from './joined-net.ts';
import { missedCommits } from './missed-commits.ts';
import { type MissedNet, NetCommits, type NetCommitsOptions } from './net-commits.ts';
import { RecentBatches } from './recent-batches.ts';
import { Session } from './session.ts';
import { type Audience, type JoinNote, SharedQueries, type SharedQuery } from './shared-query.ts';
import { needsEachCommit, SlowReaders } from './slow-readers.ts';
import { StateChecks } from './state-checks.ts';
import { StagedReceiver } from './subscriptions.ts';
import { noOutcomes, OwnOutcomes } from './told-outcomes.ts';
import { UndurableChanges } from './undurable-changes.ts';
import { ViewInstances } from './view-instances.ts';

export interface HubOptions {
  readonly authority: Authority;
  readonly environment: Environment;
  /** Who shows this token; for an empty one a new identity. Throws `token-invalid`. `token` is empty when the one shown stays good. */
  readonly authenticate: (token: string) => Promise<{ identity: Identity; token: string }>;
  readonly limits?: Partial<SessionLimits>;
  /** Who reads too slowly is sent each commit all the same. The rows are the same either way. */
  readonly sendsAllCommits?: boolean;
  /** Sees every row of public tables, whatever the visibility filters. */
  readonly owner?: Identity | undefined;
  /** Is told what a view threw. */
  readonly viewFailed?: (view: string, error: unknown) => void;
  /** Is told what kept a connection from being admitted, when that is not a ForerunError: a bug of ours, or of `authenticate`. */
  readonly connectionFailed?: (error: unknown) => void;
}

export interface SessionLimits extends CallMeterLimits {
  readonly connectionsPerIdentityMax: number;
}

export class SessionHub {
  readonly environment: Environment;
  readonly queries: SharedQueries;
  readonly visibility: Visibility;
  readonly views: ViewInstances;
  readonly authenticate: HubOptions['authenticate'];
  readonly connectionFailed: (error: unknown) => void;
  readonly leasedColumns: ReturnType<typeof leasedColumns>;
  readonly #authority: Authority;
  readonly #sessions = new Set<Session>();
  readonly #byClient = new Map<ClientRecord, Session>();
  readonly #argsCodecs: readonly Codec[];
  #outline: ModuleOutline | undefined;
  readonly #ephemeral: EphemeralFeed;
  readonly limits: SessionLimits;
  /** Live sessions of each identity. */
  readonly #byIdentity = new Map<bigint, number>();
  #accepted = 0;
  readonly #recent = new RecentBatches();
  readonly #fanOut: FanOut;
  readonly #owner: Identity | undefined;
  /** What executed commits did to queries that join tables, until they are durable. */
  readonly #notes = new Map<Seq, readonly JoinNote[]>();
  /** What the batch that is being written did to views. */
  #viewTurns: ViewTurns | undefined;
  readonly #undurable: UndurableChanges;
  readonly checks: StateChecks;
  /** For messages that are sent as soon as they are written. */
  readonly scratch: ByteWriter = new ByteWriter();
  /** Undefined: nobody is sent the net of what they missed. */
  readonly slowReaders: SlowReaders | undefined;
  /** Sessions that hold something back until a batch is durable. */
  readonly #waiting = new Set<Session>();

  constructor(options: HubOptions) {
    this.#authority = options.authority;
    this.environment = options.environment;
    this.queries = new SharedQueries(options.authority.engine);
    this.visibility = new Visibility(options.authority.definition);
    this.views = new ViewInstances({
      engine: options.authority.engine,
      clock: options.environment.clock,
      viewFailed: options.viewFailed ?? (() => {}),
    });
    this.#undurable = new UndurableChanges(options.authority.executedSeq);
    this.#owner = options.owner;
    this.#fanOut = new FanOut(this.queries, (tableId) => options.authority.engine.shape(tableId));
    this.authenticate = options.authenticate;
    this.connectionFailed = options.connectionFailed ?? (() => {});
    this.limits = { ...limits, ...options.limits };
    this.leasedColumns = leasedColumns(options.authority.definition);
    this.#argsCodecs = options.authority.definition.reducers.map((reducer) => compileCodec(reducer.params));
    this.#ephemeral = new EphemeralFeed(options.authority.engine, options.environment, this.#sessions);
    this.checks = new StateChecks({ ...options, sessions: () => this.#sessions });
    if (options.sendsAllCommits !== true)
      this.slowReaders = new SlowReaders({
        engine: options.authority.engine,
        environment: options.environment,
        recent: this.#recent,
        durableSeq: () => options.authority.durableSeq,
        netOf: (net, viewChanges) => this.#netOf(net, viewChanges),
      });
    options.authority.listen({
      executed: (seq, changes) => this.#executed(seq, changes),
      sealing: () => this.#sealing(),
      durable: (batch) => this.#durable(batch),
      unavailable: (error) => this.#unavailable(error),
    });
  }

  /** Takes a new connection: the far end's frames go to the result. */
  accept(connect: (events: TransportEvents) => Transport): void {
    const session = new Session(this, this.#authority, ++this.#accepted);
    this.#sessions.add(session);
    session.attach(connect(session));
  }

  isOwner(identity: Identity): boolean {
    return this.#owner?.isEqual(identity) === true;
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  remove(session: Session, client: ClientRecord | undefined): void {
    this.#sessions.delete(session);
    this.#ephemeral.forget(session);
    this.#waiting.delete(session);
    this.slowReaders?.forget(session);
    if (client === undefined) return;
    if (this.#byClient.get(client) === session) this.#byClient.delete(client);
    this.#countIdentity(client.identity, -1);
  }

  /**
   * A client has one connection; of two the older, which the client has given up, ends. Gives whether this is the newer
   * one: what an older one said may come, or be admitted, late.
   */
  replace(client: ClientRecord, session: Session): boolean {
    const known = this.#byClient.get(client);
    const isNewer = known === undefined || known.number < session.number;
    (isNewer ? known : session)?.fail('connection-refused', 'This client has connected anew.');
    if (!isNewer) return false;
    this.#byClient.set(client, session);
    this.#countIdentity(client.identity, 1);
    return true;
  }

  /** Throws `limit-reached` when this identity has as many connections as it may. */
  checkIdentity({ __identity__: identity }: Identity): void {
    const { connectionsPerIdentityMax } = this.limits;
    if ((this.#byIdentity.get(identity) ?? 0) < connectionsPerIdentityMax) return;
    throw new ForerunError(
      'limit-reached',
      `This identity has ${connectionsPerIdentityMax} connections already (connectionsPerIdentityMax). End one of them first.`,
    );
  }

  #countIdentity({ __identity__: identity }: Identity, by: number): void {
    const count = (this.#byIdentity.get(identity) ?? 0) + by;
    if (count === 0) this.#byIdentity.delete(identity);
    else this.#byIdentity.set(identity, count);
  }

  /** What a replica at this position lacks and is kept in memory no longer; to be given to `missed`, which needs no time. */
  async older(position: Position | undefined): Promise<OlderBatches | undefined> {
    const { epoch, durableSeq, engine, log } = this.#authority;
    if (position === undefined || position.epoch !== epoch || position.seq >= durableSeq) return undefined;
    if (this.#recent.reaches(position.seq, durableSeq)) return undefined;
    return readOlder(log, position.seq, (tableId) => engine.shape(tableId));
  }

  /** What a replica of these queries at this position lacks, or undefined when it needs a snapshot. */
  missed(
    position: Position | undefined,
    older: OlderBatches | undefined,
    queries: readonly SharedQuery[],
    isOwn: (seq: Seq) => boolean,
  ): { readonly commits: CommitBytes; readonly isEmpty: boolean } | undefined {
    const { epoch, durableSeq, engine } = this.#authority;
    if (position === undefined || position.epoch !== epoch || position.seq > durableSeq) return undefined;
    // What views had for their viewers is not kept, and their code may be another.
    if (queries.some(({ isOfView }) => isOfView)) return undefined;
    if (position.seq < durableSeq && queries.some(needsEachCommit)) return undefined;
    const shapeOf = (tableId: number) => engine.shape(tableId);
    const recent = this.#recent.after(older?.lastSeq ?? position.seq, durableSeq, shapeOf);
    if (recent === undefined) return undefined;
    const batches = [...(older?.batches ?? []), ...recent];
    // To say that a row has left tells of a row that may never have been seen.
    const isRestricted = queries.some((query) => query.isRestricted);
    if (isRestricted && !batches.every(({ isBeforeKnown }) => isBeforeKnown)) return undefined;
    const bytes = batches.reduce((sum, batch) => sum + batch.bytes.length, 0);
    const isMuch = this.slowReaders !== undefined && bytes > limits.behindBufferedBytesMax;
    if (isMuch || queries.some(({ isJoined }) => isJoined)) {
      const net = this.#netOf({ plus: queries, minus: [], after: position.seq, isOwn }, () => []);
      for (const batch of batches) {
        if (net.isTooMuch) return undefined;
        net.add(batch);
      }
      return net.take(durableSeq);
    }
    const span = { after: position.seq, lastSeq: durableSeq };
    return missedCommits(batches, span, queries, shapeOf);
  }

  #netOf(options: Omit<NetCommitsOptions, 'engine'>, viewChanges: () => Iterable<RowChange>): MissedNet {
    const { engine } = this.#authority;
    const isAlone = [...options.plus, ...options.minus].every(({ isJoined, isOfView }) => !isJoined && !isOfView);
    if (isAlone) return new NetCommits({ ...options, engine });
    return new JoinedNet({
      ...options,
      engine,
      viewChanges,
      queries: this.queries,
      undurable: () => {
        const executed = this.#undurable.changes(this.#authority.durableSeq);
        return executed && [...executed, ...(this.#viewTurns?.changes ?? [])];
      },
    });
  }

  /** The session holds something back. */
  waits(session: Session): void {
    this.#waiting.add(session);
  }

  /** Answers a call that ran before. */
  repeat(session: Session, outcome: Outcome): void {
    session.repeat(outcome);
  }

  /** What clients of another version of the module are told. */
  get outline(): ModuleOutline {
    const { definition } = this.#authority;
    if (this.#outline?.hash !== definition.hash) this.#outline = outlineOf(definition, definition.hash);
    return this.#outline;
  }

  argsCodec(reducerId: number): Codec | undefined {
    return this.#argsCodecs[reducerId];
  }

  newConnectionId(): ConnectionId {
    const bytes = this.environment.entropy.fill(new Uint8Array(16));
    return new ConnectionId(bytes.reduce((id, byte) => (id << 8n) | BigInt(byte), 0n) || 1n);
  }

  nowMicros(): number {
    return Math.floor(this.environment.clock.now() * 1000);
  }

  /** Ends every connection, saying why. */
  close(): void {
    this.checks.stop();
    for (const session of this.#sessions)
      session.fail('client-closed', 'The authority is stopping. Connect again in a moment.');
  }

  #durable(batch: DurableBatch): void {
    this.#recent.add(batch, this.queries.size > 0);
    this.checks.durable(batch);
    const outcomes = this.#ownOutcomes(batch);
    for (const { client, callId, changes } of batch.ephemeral) {
      this.#ephemeral.add(changes);
      if (client !== undefined && callId !== undefined) this.#byClient.get(client)?.ownEphemeral(callId, changes);
    }
    const views = this.#viewTurns;
    this.#viewTurns = undefined;
    this.#undurable.durable(batch.lastSeq);
    for (const [audience, commits] of this.#fanOut.distribute(batch, batch.lastSeq, this.#notes, views))
      this.#deliver(batch, audience, commits, outcomes);
    const turned = this.#notes.size > 0 && this.#forgetNotes(batch);
    for (const [session, own] of outcomes) session.durable(batch, undefined, own);
    if (views !== undefined) this.slowReaders?.viewsChanged(views.changes);
    for (const session of this.#waiting) if (!session.releaseHeld()) this.#waiting.delete(session);
    if (batch.ephemeral.length > 0 || turned) this.#ephemeral.flush();
    this.checks.distributed();
  }

  #ownOutcomes({ calls }: DurableBatch): Map<Session, OwnOutcomes> {
    const outcomes = new Map<Session, OwnOutcomes>();
    calls.eachRow((client, from, to) => {
      const session = this.#byClient.get(client);
      if (session === undefined) return;
      const own = outcomes.get(session);
      if (own === undefined) outcomes.set(session, new OwnOutcomes(calls, from, to));
      else own.add(from, to);
    });
    return outcomes;
  }

  /** Takes the outcomes that go with it out of those that are to be told. */
  #deliver(batch: DurableBatch, audience: Audience, commits: CommitBytes, outcomes: Map<Session, OwnOutcomes>): void {
    for (const receiver of audience.receivers) {
      if (receiver instanceof Session) {
        receiver.durable(batch, commits, outcomes.get(receiver) ?? noOutcomes);
        outcomes.delete(receiver);
      } else if (receiver instanceof StagedReceiver && receiver.session instanceof Session)
        receiver.session.staged(batch, receiver.subscriptionId, commits);
    }
  }

  /** They have been told, but for those about ephemeral rows: gives whether there are any. */
  #forgetNotes({ commits }: DurableBatch): boolean {
    let turned = false;
    for (const { seq } of commits) {
      for (const note of this.#notes.get(seq) ?? []) {
        if (!note.query.table.ephemeral) continue;
        this.#ephemeral.turned(note);
        turned = true;
      }
      this.#notes.delete(seq);
    }
    return turned;
  }

  #executed(seq: Seq, changes: readonly RowChange[]): void {
    const notes = this.queries.executed(changes);
    if (notes.length > 0) this.#notes.set(seq, notes);
    if (this.queries.hasJoined || this.views.size > 0) this.#undurable.want();
    this.#undurable.executed(seq, changes);
    this.views.executed(changes);
  }

  #sealing(): void {
    if (this.views.size === 0) return;
    const changes = this.views.sealing();
    if (changes.length > 0) this.#viewTurns = { changes, notes: this.queries.executed(changes) };
  }

  #unavailable(error: ForerunError): void {
    this.#ephemeral.reset();
    this.#notes.clear();
    this.#viewTurns = undefined;
    this.#undurable.lost();
    this.checks.unavailable();
    for (const session of this.#sessions) session.fail(error.code, error.message);
  }
}
