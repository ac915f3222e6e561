/**
 * From executed to durable: the batch that is being filled, the one that is being written, and what follows from the
 * log's answer. Batches form by themselves while the last one is being written; when the log is idle, what was executed
 * waits for nothing but the end of the tick.
 *
 * Law: listeners are told of every durable batch, in order and once. When a batch can't be made durable, everything
 * since the last durable one is taken back before anyone is told; then a batch is tried again and again, even an empty
 * one, which tells whether the log can be written.
 */

import { assert } from '../assert.ts';
import type { Seq } from '../commit/call.ts';
import type { Log } from '../commit/log.ts';
import type { RowChange } from '../commit/row-change.ts';
import type { Engine } from '../engine/engine.ts';
import type { Environment } from '../environment.ts';
import { ForerunError } from '../errors.ts';
import { type BatchWriters, type DurableBatch, newBatchWriters, OpenBatch } from './batch.ts';
import type { ClientRecord } from './clients.ts';

export interface PipelineOptions {
  readonly log: Log;
  readonly engine: Engine;
  readonly environment: Environment;
  /** How far the log is. */
  readonly seq: Seq;
  readonly batchNumber: number;
  readonly owner: PipelineOwner;
}

/** What the authority does at each turn, ahead of its listeners unless said otherwise. */
export interface PipelineOwner {
  /** The batch is about to be written: the last moment to add to it. */
  readonly sealing: (batch: OpenBatch) => void;
  readonly durable: (batch: OpenBatch) => void;
  /** The first batch after a failure is durable, and listeners have heard of it. */
  readonly recovered: () => void;
  /** `isNew`: the log could be written before. */
  readonly lost: (cause: unknown, isNew: boolean) => void;
}

export interface AuthorityListener {
  /** A commit has been executed: the engine has the rows as of it, and nobody may be told yet. */
  readonly executed?: (seq: Seq, changes: readonly RowChange[]) => void;
  /** The open batch is about to be closed: the engine has the rows as of it, and nobody may be told yet. */
  readonly sealing?: () => void;
  readonly durable: (batch: DurableBatch) => void;
  /** Everything since the last durable batch was taken back. */
  readonly unavailable: (error: ForerunError) => void;
}

const retryDelayMs = 1_000;

export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #listeners = new Set<AuthorityListener>();
  #writers: [BatchWriters, BatchWriters] = [newBatchWriters(), newBatchWriters()];
  #open: OpenBatch;
  #writing: OpenBatch | undefined;
  /** What waits for the open batch to be closed. */
  #waiting: (() => void)[] = [];
  #flushAsked = false;
  #batchNumber: number;
  #durableSeq: Seq;
  #failure: ForerunError | undefined;
  #isStopped = false;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#batchNumber = options.batchNumber;
    this.#durableSeq = options.seq;
    this.#open = this.#newBatch((options.seq + 1) as Seq);
  }

  /** The batch that is being filled; whoever adds to it asks for a flush. */
  get open(): OpenBatch {
    return this.#open;
  }

  /** The last commit of the open batch has just been executed. */
  executed(changes: readonly RowChange[]): void {
    for (const listener of this.#listeners) listener.executed?.(this.executedSeq, changes);
  }

  get executedSeq(): Seq {
    return (this.#open.firstSeq + this.#open.commitCount - 1) as Seq;
  }

  get durableSeq(): Seq {
    return this.#durableSeq;
  }

  get executedBatch(): number {
    return this.#batchNumber + (this.#writing === undefined ? 0 : 1) + (this.#open.hasRecords ? 1 : 0);
  }

  get durableBatch(): number {
    return this.#batchNumber;
  }

  get failure(): ForerunError | undefined {
    return this.#failure;
  }

  listen(listener: AuthorityListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Runs a task when the open batch is empty: now, or when it has been closed. */
  betweenBatches(task: () => void): void {
    if (this.#open.isEmpty) return task();
    this.#waiting.push(task);
    // Ids that a rejected call drew are in it, say, which nobody else waits for.
    this.askFlush();
  }

  /** The client's first call that is not durable yet. */
  firstInFlight(client: ClientRecord): number {
    for (const batch of [this.#writing, this.#open]) {
      const callId = batch?.calls.firstOf(client);
      if (callId !== undefined) return callId;
    }
    return Number.POSITIVE_INFINITY;
  }

  /** Resolves when everything executed so far is durable; rejects with `log-unavailable` when it was taken back. */
  settled(): Promise<void> {
    const batch = this.executedBatch;
    if (batch <= this.#batchNumber) return Promise.resolve();
    // A call that was rejected may have left the ids that it drew, which nobody else waits for.
    this.askFlush();
    return new Promise((resolve, reject) => {
      const stop = this.listen({
        durable: () => {
          if (batch > this.#batchNumber) return;
          stop();
          resolve();
        },
        unavailable: (error) => {
          stop();
          reject(error);
        },
      });
    });
  }

  /** Has the open batch written at the end of the tick, or as soon as the one before it is durable. */
  askFlush(): void {
    if (this.#flushAsked || this.#writing !== undefined || this.#failure !== undefined) return;
    this.#flushAsked = true;
    this.#options.environment.scheduler.soon(() => {
      this.#flushAsked = false;
      this.#flush();
    });
  }

  /** Writes nothing any more, and heeds no answer of the log. */
  stop(): void {
    this.#isStopped = true;
  }

  #flush(): void {
    if (this.#isStopped || this.#writing !== undefined || this.#open.isEmpty || this.#failure !== undefined) return;
    if (this.#open.hasRecords) this.#write();
    else this.#passOn();
  }

  /** What was executed is of nothing that has to be durable. */
  #passOn(): void {
    const batch = this.#open;
    for (const listener of this.#listeners) listener.sealing?.();
    this.#open = this.#newBatch(batch.firstSeq);
    const { durable } = batch.seal(this.#batchNumber, this.#options.engine);
    for (const listener of this.#listeners) listener.durable(durable);
    durable.announced();
    this.#runWaiting();
  }

  #runWaiting(): void {
    const tasks = this.#waiting;
    this.#waiting = [];
    for (const task of tasks) task();
  }

  #write(): void {
    if (this.#isStopped) return;
    const batch = this.#open;
    this.#options.owner.sealing(batch);
    for (const listener of this.#listeners) listener.sealing?.();
    this.#writing = batch;
    this.#open = this.#newBatch((batch.firstSeq + batch.commitCount) as Seq);
    const { log, durable } = batch.seal(this.#batchNumber + 1, this.#options.engine);
    this.#options.log.append(log).then(
      () => this.#appended(batch, durable),
      (error: unknown) => this.#failed(error),
    );
    this.#runWaiting();
  }

  #appended(batch: OpenBatch, durable: DurableBatch): void {
    if (this.#isStopped) return;
    this.#batchNumber++;
    this.#writing = undefined;
    assert(durable.firstSeq === this.#durableSeq + 1, 'durable commits have no holes');
    this.#durableSeq = durable.lastSeq;
    this.#options.owner.durable(batch);
    for (const listener of this.#listeners) listener.durable(durable);
    durable.announced();
    if (this.#failure !== undefined) {
      this.#failure = undefined;
      this.#options.owner.recovered();
    }
    // At the end of the tick, not now: what has come in the meantime goes along, and there are fewer and larger batches.
    if (!this.#open.isEmpty) this.askFlush();
  }

  #failed(cause: unknown): void {
    if (this.#isStopped) return;
    const isNew = this.#failure === undefined;
    const failure = new ForerunError(
      'log-unavailable',
      'The log can not be written, so no call is accepted. See the diagnostics of the authority; it goes on by itself once writing works again.',
      { cause },
    );
    this.#failure = failure;
    this.#takeBack();
    this.#options.owner.lost(cause, isNew);
    for (const listener of this.#listeners) listener.unavailable(failure);
    this.#options.environment.scheduler.after(retryDelayMs, () => this.#write());
  }

  /** What belongs to no call stays to be written. */
  #takeBack(): void {
    const lost = this.#writing === undefined ? [this.#open] : [this.#writing, this.#open];
    for (const batch of lost.toReversed()) batch.undo(this.#options.engine);
    this.#writing = undefined;
    this.#open = new OpenBatch((this.#durableSeq + 1) as Seq, this.#nowMicros(), newBatchWriters());
    for (const batch of lost) this.#open.adopt(batch);
  }

  #newBatch(firstSeq: Seq): OpenBatch {
    const [writer, other] = this.#writers;
    this.#writers = [other, writer];
    return new OpenBatch(firstSeq, this.#nowMicros(), writer);
  }

  #nowMicros(): number {
    return Math.floor(this.#options.environment.clock.now() * 1000);
  }
}
