/**
 * The confirmed rows of this replica: what they are of (subscriptions), as of when (position), and how they come: as
 * batches, as a snapshot that is collected until it is complete, or with a subscription that begins or ends.
 *
 * Law: the position moves together with the rows. Until a snapshot is complete both stay what they were.
 */

import { unreachable } from '../core/assert.ts';
import type { Epoch, Outcome, Position, Seq } from '../core/commit/call.ts';
import type { Commit } from '../core/commit/commit.ts';
import type { RowChange } from '../core/commit/row-change.ts';
import type { Engine } from '../core/engine/engine.ts';
import type { Clock, Environment } from '../core/environment.ts';
import type { ModuleDefinition } from '../core/module/definition.ts';
import type {
  BatchMessage,
  CheckMessage,
  ClientMessage,
  EphemeralMessage,
  LeavingMessage,
  SnapshotMessage,
  StagedMessage,
  SubscriptionRequest,
  WelcomeMessage,
} from '../core/protocol/messages.ts';
import { ConnectionId } from '../core/value/connection-id.ts';
import { Identity } from '../core/value/identity.ts';
import { batchOfOthers, completeTables, OwnEphemeralChanges } from './ephemeral-rows.ts';
import type { Coverage } from './coverage.ts';
import type { Pages } from './pages.ts';
import type { HasTime, Predictor, ReconcileResult } from './predict/predictor.ts';
import { Repair } from './repair.ts';
import { ReplicaAudit } from './replica-audit.ts';
import { SnapshotStaging } from './snapshot-staging.ts';
import { StagedRows } from './staged-rows.ts';
import { ClientSubscriptions } from './subscriptions.ts';

/** The counters may have grown. */
const nothing: ReconcileResult = { changes: [], settled: [], outcomeChanges: [] };

export interface SubscribedRowsOptions {
  readonly definition: ModuleDefinition;
  readonly engine: Engine;
  readonly predictor: Predictor;
  readonly pages: Pages;
  readonly coverage: Coverage;
  readonly environment: Environment;
  readonly send: (message: ClientMessage) => void;
  /** Ends the connection and makes another. */
  readonly restart: () => void;
  readonly events: SubscribedRowsEvents;
}

export interface SubscribedRowsEvents {
  /** What became of rows and calls. */
  readonly reconciled: (result: ReconcileResult) => void;
  /** The rows are as of this seq, these changes later; these calls are answered. */
  readonly advanced: (seq: Seq, outcomes: readonly Outcome[], changes: readonly RowChange[] | 'all') => void;
}

export type RowsMessage =
  | WelcomeMessage
  | BatchMessage
  | SnapshotMessage
  | EphemeralMessage
  | StagedMessage
  | LeavingMessage
  | CheckMessage
  | { readonly type: 'applied'; readonly subscriptionId: number; readonly seq: Seq }
  | { readonly type: 'ended'; readonly subscriptionId: number; readonly seq: Seq }
  | { readonly type: 'subscriptionRefused'; readonly subscriptionId: number; readonly message: string };

/** Names the one snapshot that answers a hello. */
const helloSnapshotId = 0;

export class SubscribedRows {
  readonly #engine: Engine;
  readonly #predictor: Predictor;
  readonly #pages: Pages;
  readonly #events: SubscribedRowsEvents;
  readonly subscriptions: ClientSubscriptions;
  readonly #publicTables: readonly number[];
  readonly #ownEphemeral = new OwnEphemeralChanges();
  #epoch: Epoch | undefined;
  /** Of the rows that are here; a snapshot moves it when it is complete. */
  #position: Position | undefined;
  #isReady = false;
  #staging: SnapshotStaging | undefined;
  /** What is to be told and moved when the rows are right again. */
  #completion: ((result: ReconcileResult | undefined) => void) | undefined;
  readonly #clock: Clock;
  readonly #audit: ReplicaAudit;
  readonly #repair: Repair;
  /** By subscription. */
  readonly #staged = new Map<number, StagedRows>();

  constructor(options: SubscribedRowsOptions) {
    const { definition, engine, predictor, pages, coverage, send, events, environment, restart } = options;
    this.#engine = engine;
    this.#predictor = predictor;
    this.#pages = pages;
    this.subscriptions = new ClientSubscriptions({
      definition: () => engine.definition,
      changed: (plans) => coverage.set(plans),
      send,
    });
    this.#events = events;
    this.#clock = environment.clock;
    this.#repair = new Repair({
      engine,
      clock: environment.clock,
      resync: () => {
        this.#position = undefined;
        environment.scheduler.soon(restart);
      },
      tell: (difference) => pages.push({ type: 'difference', difference }),
    });
    this.#audit = new ReplicaAudit({
      engine,
      predictor,
      environment,
      differs: (tableIds) => this.#repair.begin(tableIds),
    });
    this.#publicTables = definition.tables.filter((table) => table.public).map((table) => table.tableId);
  }

  get position(): Position | undefined {
    return this.#position;
  }

  get epoch(): Epoch | undefined {
    return this.#epoch;
  }

  /** The rows have been here once. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Of the first snapshot, from 0 to 1. */
  get progress(): number {
    return this.#isReady ? 1 : (this.#staging?.progress ?? 0);
  }

  /** For a hello. */
  greeting(): SubscriptionRequest[] {
    return this.subscriptions.greeting(this.#position !== undefined);
  }

  /**
   * Rows of an earlier start, and what they are of. Where that means nothing to this module they have no position: they
   * are shown until those that are asked for now have come.
   */
  restore(position: Position | undefined, subscriptions: readonly SubscriptionRequest[]): void {
    this.#isReady = true;
    this.#epoch = position?.epoch;
    if (this.subscriptions.restore(subscriptions)) this.#position = position;
  }

  /** What pending calls make of it is a message of its own for `receive`. */
  welcomed({ epoch, resumed, databaseIdentity }: WelcomeMessage): void {
    this.#epoch = epoch;
    this.#staged.clear();
    this.#staging = resumed
      ? undefined
      : new SnapshotStaging(helloSnapshotId, this.#publicTables, (tableId) => this.#engine.shape(tableId));
    this.subscriptions.welcomed();
    this.#engine.identify(new Identity(databaseIdentity));
  }

  /** What has come of snapshots counts for nothing. */
  lost(): void {
    this.#staging = undefined;
    this.#ownEphemeral.forget();
    this.#staged.clear();
  }

  /** Begins on it; `goOn` comes to its end. */
  receive(message: RowsMessage): void {
    switch (message.type) {
      case 'welcome':
        this.#predictor.beginReconnected(new ConnectionId(message.connectionId));
        this.#completion = () => {};
        return;
      case 'batch':
        return this.#receiveBatch(this.#ownEphemeral.complete(message));
      case 'ephemeral':
        return this.#receiveEphemeral(message);
      case 'snapshot':
        if (message.subscriptionId === helloSnapshotId) this.#staging?.add(message);
        else this.#stagedOf(message.subscriptionId).receive(message);
        return;
      case 'staged':
        // Rows that entered or left without having changed, in no commit.
        if (message.subscriptionId === helloSnapshotId)
          return this.#receiveBatch({ ...message, type: 'batch', outcomes: [] });
        return this.#stagedOf(message.subscriptionId).receive(message);
      case 'leaving':
        return this.#stagedOf(message.subscriptionId).receive(message);
      case 'applied':
        if (message.subscriptionId === helloSnapshotId) return this.#apply(message.seq);
        return this.#enter(message.subscriptionId, message.seq);
      case 'ended':
        return this.#leave(message.subscriptionId, message.seq);
      case 'check':
        if (this.#staging === undefined) this.#audit.check(message);
        return this.#events.reconciled(nothing);
      case 'subscriptionRefused':
        return this.subscriptions.refused(message.subscriptionId, message.message);
      default:
        return unreachable(message);
    }
  }

  /** Gives whether the rows are right again; not, when there was not time enough. */
  goOn(hasTime: HasTime): boolean {
    if (this.#completion === undefined) return true;
    let result: ReconcileResult | undefined;
    if (this.#predictor.isBusy) {
      const startMs = this.#clock.monotonicMs();
      result = this.#predictor.goOn(hasTime);
      this.#predictor.counters.reconcileMs += this.#clock.monotonicMs() - startMs;
      if (result === undefined) return false;
      this.#events.reconciled(result);
    }
    const complete = this.#completion;
    this.#completion = undefined;
    complete(result);
    return true;
  }

  close(): void {
    this.#audit.close();
  }

  /** What there is to receive when the rows of others are long out of date. */
  ephemeralIsOld(): EphemeralMessage[] {
    const tableIds = this.#publicTables.filter((tableId) => this.#isEphemeral(tableId));
    if (tableIds.length === 0) return [];
    return [{ type: 'ephemeral', callId: undefined, completeTables: tableIds, changes: [] }];
  }

  #receiveBatch(batch: BatchMessage): void {
    if (this.#staging !== undefined) return this.#staging.absorb(batch);
    const { lastSeq, commits, outcomes } = batch;
    this.#begin(lastSeq, commits, outcomes);
    this.#completion = () => {
      const changes = commits.flatMap((commit) => commit.changes.filter(({ tableId }) => !this.#isEphemeral(tableId)));
      this.#advance(lastSeq, outcomes, changes);
    };
  }

  #receiveEphemeral(message: EphemeralMessage): void {
    if (message.callId !== undefined) return this.#ownEphemeral.keep(message.callId, message.changes);
    const seq = this.#position?.seq ?? (0 as Seq);
    if (message.completeTables.length > 0) {
      const tables = completeTables(message);
      if (this.#staging !== undefined) this.#staging.replace(tables);
      else {
        this.#predictor.beginReplacing(seq, tables, [], []);
        this.#completion = () => {};
      }
      return;
    }
    if (this.#staging !== undefined) return this.#staging.absorb(batchOfOthers(message, seq));
    const changes = message.changes.filter((change) => !this.#isKnown(change));
    if (changes.length > 0) this.#receiveBatch(batchOfOthers({ ...message, changes }, seq));
  }

  #begin(lastSeq: Seq, commits: readonly Commit[], outcomes: readonly Outcome[]): void {
    this.#audit.changing(commits);
    const startMs = this.#clock.monotonicMs();
    this.#predictor.begin(lastSeq, commits, outcomes);
    this.#predictor.counters.reconcileMs += this.#clock.monotonicMs() - startMs;
  }

  #isEphemeral(tableId: number): boolean {
    return this.#engine.shape(tableId).table.ephemeral;
  }

  #isKnown({ tableId, key, after }: RowChange): boolean {
    const confirmed = this.#predictor.confirmedRow(tableId, key);
    if (confirmed === undefined || after === undefined) return confirmed === after;
    return this.#engine.equal(tableId, confirmed, after);
  }

  #stagedOf(subscriptionId: number): StagedRows {
    let staged = this.#staged.get(subscriptionId);
    if (staged === undefined)
      this.#staged.set(subscriptionId, (staged = new StagedRows((tableId) => this.#engine.shape(tableId))));
    return staged;
  }

  /** Rows that were in no other subscription: beneath what is pending, as if they had been inserted. */
  #enter(subscriptionId: number, seq: Seq): void {
    const changes = this.#takeStaged(subscriptionId)?.entering() ?? [];
    this.#turn(seq, changes, () => this.subscriptions.applied(subscriptionId));
  }

  /** One that ends before it began has put nothing here. */
  #leave(subscriptionId: number, seq: Seq): void {
    const staged = this.#takeStaged(subscriptionId);
    const changes = this.subscriptions.isApplied(subscriptionId) ? (staged?.leaving() ?? []) : [];
    this.#turn(seq, changes, () => this.subscriptions.ended(subscriptionId));
  }

  /** What the rows are of changes together with them. */
  #turn(seq: Seq, changes: readonly RowChange[], then: () => void): void {
    if (changes.length > 0) this.#begin(seq, [{ seq, timestampMicros: 0, ownCallId: undefined, changes }], []);
    this.#completion = () => {
      then();
      this.#advance(seq, [], changes);
    };
  }

  #takeStaged(subscriptionId: number): StagedRows | undefined {
    const staged = this.#staged.get(subscriptionId);
    this.#staged.delete(subscriptionId);
    return staged;
  }

  #apply(seq: Seq): void {
    const staging = this.#staging;
    if (staging === undefined) return;
    this.#staging = undefined;
    const { tables, ownCommits, outcomes } = staging;
    this.subscriptions.greetingComes();
    if (this.#predictor.isEmpty(tables.keys())) this.#load(staging);
    else this.#predictor.beginReplacing(seq, tables, ownCommits, outcomes);
    this.#audit.replaced();
    const epoch = this.#epoch;
    this.#completion = (result) => {
      this.#isReady = true;
      this.#repair.end(result?.changes ?? []);
      // Rows that were loaded into an empty replica are in no list of changes.
      if (result === undefined) for (const tableId of tables.keys()) this.#pages.touch(tableId);
      if (epoch !== undefined) this.#position = { epoch, seq };
      this.subscriptions.greetingApplied();
      this.#advance(seq, outcomes, 'all');
    };
  }

  #load(staging: SnapshotStaging): void {
    for (const [tableId, rows] of staging.tables) {
      this.#engine.store(tableId).load(rows.values());
      if (this.#pages.isWatched(tableId))
        this.#pages.changed([...rows].map(([key, after]) => ({ tableId, key, before: undefined, after })));
    }
  }

  #advance(seq: Seq, outcomes: readonly Outcome[], changes: readonly RowChange[] | 'all'): void {
    if (this.#position !== undefined && seq > this.#position.seq) this.#position = { ...this.#position, seq };
    this.#events.advanced(seq, outcomes, changes);
  }
}
