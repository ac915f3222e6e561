/**
 * The confirmed rows of this replica: what they are of (subscriptions), as of when (position), and how they come: as
 * batches, or as a snapshot that is collected until it is complete.
 *
 * Law: the position moves together with the rows. Until a snapshot is complete both stay what they were.
 */

import { unreachable } from '../core/assert.ts';
import type { Epoch, Outcome, Position, Seq } from '../core/commit/call.ts';
import type { RowChange } from '../core/commit/row-change.ts';
import type { Engine } from '../core/engine/engine.ts';
import type { ModuleDefinition } from '../core/module/definition.ts';
import type {
  BatchMessage,
  EphemeralMessage,
  SnapshotMessage,
  SubscriptionRequest,
  WelcomeMessage,
} from '../core/protocol/messages.ts';
import { batchOfOthers, completeTables, OwnEphemeralChanges } from './ephemeral-rows.ts';
import type { Pages } from './pages.ts';
import type { HasTime, Predictor, ReconcileResult } from './predict/predictor.ts';
import { SnapshotStaging } from './snapshot-staging.ts';

export interface SubscribedRowsOptions {
  readonly definition: ModuleDefinition;
  readonly engine: Engine;
  readonly predictor: Predictor;
  readonly pages: Pages;
  readonly events: SubscribedRowsEvents;
}

export interface SubscribedRowsEvents {
  /** What became of rows and calls. */
  readonly reconciled: (result: ReconcileResult) => void;
  /** The rows are as of this seq, these changes later; these calls are answered. */
  readonly advanced: (seq: Seq, outcomes: readonly Outcome[], changes: readonly RowChange[] | 'all') => void;
}

export type RowsMessage =
  | BatchMessage
  | SnapshotMessage
  | EphemeralMessage
  | { readonly type: 'applied'; readonly subscriptionId: number; readonly seq: Seq };

/** One subscription to everything that is public, for now. */
const subscriptionId = 1;

export class SubscribedRows {
  readonly #engine: Engine;
  readonly #predictor: Predictor;
  readonly #pages: Pages;
  readonly #events: SubscribedRowsEvents;
  readonly #publicTables: readonly number[];
  readonly #ownEphemeral = new OwnEphemeralChanges();
  #epoch: Epoch | undefined;
  /** Of the rows that are here; a snapshot moves it when it is complete. */
  #position: Position | undefined;
  #isReady = false;
  #staging: SnapshotStaging | undefined;
  /** What is to be told and moved when the rows are right again. */
  #completion: (() => void) | undefined;

  constructor({ definition, engine, predictor, pages, events }: SubscribedRowsOptions) {
    this.#engine = engine;
    this.#predictor = predictor;
    this.#pages = pages;
    this.#events = events;
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

  get subscriptions(): SubscriptionRequest[] {
    const queries = this.#publicTables.map((tableId) => `SELECT * FROM "${this.#engine.shape(tableId).table.name}"`);
    return [{ subscriptionId, queries }];
  }

  /**
   * Rows of an earlier start. Their position is good only for what they are of: without one they are shown until those
   * that are asked for now have come.
   */
  restore(position: Position | undefined, subscriptions: readonly SubscriptionRequest[]): void {
    this.#isReady = true;
    this.#epoch = position?.epoch;
    if (JSON.stringify(subscriptions) === JSON.stringify(this.subscriptions)) this.#position = position;
  }

  welcomed({ epoch, resumed }: WelcomeMessage): void {
    this.#epoch = epoch;
    this.#staging = resumed
      ? undefined
      : new SnapshotStaging(subscriptionId, this.#publicTables, (tableId) => this.#engine.shape(tableId));
  }

  /** What has come of a snapshot counts for nothing. */
  lost(): void {
    this.#staging = undefined;
    this.#ownEphemeral.forget();
  }

  /** Begins on it; `goOn` comes to its end. */
  receive(message: RowsMessage): void {
    switch (message.type) {
      case 'batch':
        return this.#receiveBatch(this.#ownEphemeral.complete(message));
      case 'ephemeral':
        return this.#receiveEphemeral(message);
      case 'snapshot':
        this.#staging?.add(message);
        return;
      case 'applied':
        return this.#apply(message.seq);
      default:
        return unreachable(message);
    }
  }

  /** Gives whether the rows are right again; not, when there was not time enough. */
  goOn(hasTime: HasTime): boolean {
    if (this.#completion === undefined) return true;
    if (this.#predictor.isBusy) {
      const result = this.#predictor.goOn(hasTime);
      if (result === undefined) return false;
      this.#events.reconciled(result);
    }
    const complete = this.#completion;
    this.#completion = undefined;
    complete();
    return true;
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
    this.#predictor.begin(lastSeq, commits, outcomes);
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

  #isEphemeral(tableId: number): boolean {
    return this.#engine.shape(tableId).table.ephemeral;
  }

  #isKnown({ tableId, key, after }: RowChange): boolean {
    const confirmed = this.#predictor.confirmedRow(tableId, key);
    if (confirmed === undefined || after === undefined) return confirmed === after;
    return this.#engine.equal(tableId, confirmed, after);
  }

  #apply(seq: Seq): void {
    const staging = this.#staging;
    if (staging === undefined) return;
    this.#staging = undefined;
    const { tables, ownCommits, outcomes } = staging;
    if (this.#predictor.isEmpty(tables.keys())) this.#load(staging);
    else this.#predictor.beginReplacing(seq, tables, ownCommits, outcomes);
    const epoch = this.#epoch;
    this.#completion = () => {
      this.#isReady = true;
      for (const tableId of tables.keys()) this.#pages.touch(tableId);
      if (epoch !== undefined) this.#position = { epoch, seq };
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
