/**
 * The authority: admits calls, orders and runs them one at a time, makes them durable, and only then shows them.
 *
 * Everything happens in `call` (run, append to the open batch) and in the log's answer (`pipeline.ts`: publish, send the
 * next batch).
 *
 * Laws: the engine holds the rows as of `executedSeq`; nobody is told anything beyond `durableSeq`. When a batch can't
 * be made durable, everything executed since is taken back and its calls count as never received: their clients hold
 * them and send them again. Every connection ends then; `clientDisconnected` runs for each once the log works again.
 */

import {
  type Call,
  type CallId,
  type ClientId,
  type Epoch,
  idBytes,
  type Outcome,
  type Rejection,
  type Seq,
} from '../commit/call.ts';
import type { RowChange } from '../commit/row-change.ts';
import { Engine } from '../engine/engine.ts';
import type { Execution } from '../engine/execute.ts';
import { ForerunError } from '../errors.ts';
import type { ModuleDefinition, ReducerDefinition, TableDefinition } from '../module/definition.ts';
import type { ConnectionId } from '../value/connection-id.ts';
import type { Identity } from '../value/identity.ts';
import { admit, timestampToleranceMs } from './admission.ts';
import type { AuthorityOptions } from './authority-options.ts';
import type { OpenBatch } from './batch.ts';
import { CallBudget, tooManyBytes } from './call-budget.ts';
import { type CallRequest, callOf, refusalOf } from './call-request.ts';
import { emptyCheckpoint, type Recovered, recover } from './checkpoint.ts';
import { type ClientRecord, Clients, unlogged } from './clients.ts';
import { ConnectionCalls } from './connection-calls.ts';
import { Connections } from './connections.ts';
import { type DatabaseCall, DatabaseCalls } from './database-calls.ts';
import { EphemeralRows } from './ephemeral.ts';
import { IdLeases, type Lease } from './id-lease.ts';
import { type AuthorityListener, Pipeline } from './pipeline.ts';
import { writeAcknowledged, writeClient, writeLease } from './record.ts';
import { Schedule } from './schedule.ts';

export type { AuthorityOptions, Diagnostics } from './authority-options.ts';

interface Parts {
  readonly options: AuthorityOptions;
  readonly engine: Engine;
  readonly clients: Clients;
  readonly leases: IdLeases;
  readonly recovered: Recovered;
  readonly budget: CallBudget;
}

export class Authority {
  readonly engine: Engine;
  readonly epoch: Epoch;
  readonly databaseIdentity: Identity;
  readonly #options: AuthorityOptions;
  readonly #clients: Clients;
  readonly #leases: IdLeases;
  readonly #connections = new Connections();
  /** Clients that have acknowledged outcomes since the last batch was sent. */
  readonly #acknowledged = new Set<ClientRecord>();
  readonly #pipeline: Pipeline;
  readonly #calls: DatabaseCalls;
  readonly #connectionCalls: ConnectionCalls;
  readonly #schedule: Schedule;
  readonly #ephemeral: EphemeralRows;
  readonly #budget: CallBudget;
  #runningClientNo = 0;
  #isClosed = false;

  private constructor({ options, engine, clients, leases, recovered, budget }: Parts) {
    this.#options = options;
    this.epoch = options.epoch;
    this.databaseIdentity = options.databaseIdentity;
    this.engine = engine;
    this.#clients = clients;
    this.#leases = leases;
    this.#connections.restore(recovered.connections);
    this.#ephemeral = new EphemeralRows(engine);
    this.#budget = budget;
    this.#pipeline = new Pipeline({
      log: options.log,
      engine,
      environment: options.environment,
      seq: recovered.seq,
      batchNumber: recovered.batchNumber,
      owner: {
        sealing: (batch) => this.#writeAcknowledged(batch),
        durable: (batch) => this.#connections.durable(batch),
        recovered: () => {
          this.#connectionCalls.endLost();
          this.#schedule.resume();
        },
        lost: (cause, isNew) => {
          this.#connections.lost();
          this.#ephemeral.reset();
          this.#schedule.resync();
          if (isNew) options.diagnostics?.logFailed(cause);
        },
      },
    });
    this.#calls = new DatabaseCalls({
      definition: () => this.definition,
      database: clients.database,
      nowMicros: () => this.#nowMicros(),
      execute: (call, reducer) => this.#execute(clients.database, call, reducer),
      commit: (call, changes) => this.#commit(clients.database, call, changes),
      threw: (reducer, error) => options.diagnostics?.reducerThrew(reducer, error),
    });
    this.#connectionCalls = new ConnectionCalls({
      connections: this.#connections,
      calls: this.#calls,
      ephemeral: this.#ephemeral,
      pipeline: this.#pipeline,
    });
    this.#schedule = new Schedule({
      engine,
      environment: options.environment,
      databaseIdentity: this.databaseIdentity,
      calls: this.#calls,
      isPaused: () => this.failure !== undefined,
    });
  }

  /**
   * Recovers from checkpoint and log; on a database's first start runs `init`, whose failure fails the start. Throws
   * `module-invalid`, `log-unavailable`, `database-corrupt`; the log stays the caller's to close.
   */
  static async open(options: AuthorityOptions): Promise<Authority> {
    const { definition, log, databaseIdentity, checkpoint = emptyCheckpoint } = options;
    const clients = new Clients(databaseIdentity);
    let authority: Authority | undefined;
    const leases = new IdLeases(
      (lease) => {
        if (authority !== undefined) authority.#logLease(lease);
      },
      () => (authority === undefined ? 0 : authority.#runningClientNo),
    );
    const budget = new CallBudget(options.environment.clock, options.limits);
    const engine = await Engine.open({
      definition,
      ids: leases,
      databaseIdentity,
      secret: options.secret,
      guard: options.guard === true,
      checkBudget: (changedRows) => budget.check(changedRows),
      senderAuth: (call) => ({ isInternal: call.connectionId === null, hasJWT: false, jwt: null }),
    });
    try {
      const recovered = await recover({ engine, log, clients, leases, checkpoint });
      authority = new Authority({ options, engine, clients, leases, recovered, budget });
      await authority.#start(recovered.batchNumber === 0);
      return authority;
    } catch (error) {
      if (authority !== undefined) authority.#stop();
      engine.close();
      throw error;
    }
  }

  get definition(): ModuleDefinition {
    return this.engine.definition;
  }

  /** Runs this definition's reducers from here on, whose shapes are those of the present ones; connections go on. */
  adopt(definition: ModuleDefinition): void {
    this.engine.adopt(definition);
  }

  /** To be read from; only the authority appends. */
  get log(): AuthorityOptions['log'] {
    return this.#options.log;
  }

  /** Rows as of it are in the engine; it may not be durable yet. */
  get executedSeq(): Seq {
    return this.#pipeline.executedSeq;
  }

  get durableSeq(): Seq {
    return this.#pipeline.durableSeq;
  }

  /** Number of the batch that holds the newest of what was executed; what was read now may be shown once it is durable. */
  get executedBatch(): number {
    return this.#pipeline.executedBatch;
  }

  get durableBatch(): number {
    return this.#pipeline.durableBatch;
  }

  /** Set while the log can't be written: calls are refused until it can. */
  get failure(): ForerunError | undefined {
    return this.#pipeline.failure;
  }

  /** Runs a task when no batch is half executed: what it reads of the rows is exactly as of `executedBatch`. */
  betweenBatches(task: () => void): void {
    this.#pipeline.betweenBatches(task);
  }

  listen(listener: AuthorityListener): () => void {
    return this.#pipeline.listen(listener);
  }

  /** The record of a client, made when it is new. Throws `token-invalid` when it belongs to someone else. */
  client(clientId: ClientId, identity: Identity): ClientRecord {
    const known = this.#clients.find(clientId, identity);
    if (known !== undefined) return known;
    const client = this.#clients.add(clientId, identity);
    this.#pipeline.open.note((writer) =>
      writeClient(writer, client.clientNo, idBytes(clientId), identity.__identity__),
    );
    this.#pipeline.askFlush();
    return client;
  }

  /**
   * Runs a call that is new, and gives nothing: its outcome comes with its durable batch. A call that ran before is not
   * run again; its outcome is returned when it is durable already, and comes with its batch otherwise. Throws
   * `log-unavailable` while there is a failure: then the call counts as never received.
   */
  call(client: ClientRecord, request: CallRequest): Outcome | undefined {
    this.#checkOpen();
    if (request.callId <= client.lastCallId) return this.#repeat(client, request.callId);
    const reducer = this.definition.reducers[request.reducerId];
    const refused = refusalOf(reducer, request);
    if (refused !== undefined || reducer === undefined || 'refused' in request.args) {
      this.#reject(client, request.callId, refused as Rejection);
      return undefined;
    }
    const toleranceMicros = (this.#options.timestampToleranceMs ?? timestampToleranceMs) * 1000;
    const nowMicros = request.receivedMicros ?? this.#nowMicros();
    const timestampMicros = admit(client, request.timestampMicros, nowMicros, toleranceMicros);
    this.#run(client, callOf(request, client, request.args.value, timestampMicros), reducer);
    return undefined;
  }

  /** What came of a client's calls after this one, as far as it is durable; the rest comes with its batch. */
  outcomesAfter(client: ClientRecord, callId: CallId): Outcome[] {
    const first = this.#pipeline.firstInFlight(client);
    return client.outcomesAfter(callId).filter((outcome) => outcome.callId < first);
  }

  /** Runs `clientConnected`; resolves when it is durable, rejects with `connection-refused` when the module refuses. */
  async connect(connectionId: ConnectionId, identity: Identity): Promise<void> {
    this.#checkOpen();
    await this.#connectionCalls.begin(connectionId, identity);
  }

  /** Runs `clientDisconnected`, whose failure changes nothing, and deletes the connection's ephemeral rows. */
  disconnect(connectionId: ConnectionId): void {
    if (!this.#isClosed) this.#connectionCalls.end(connectionId);
  }

  /** Runs what is no reducer of the module's, as a call of the database's. Gives why it was rejected, if it was. */
  runOwn(own: Pick<DatabaseCall, 'reducer' | 'sender' | 'complete'>): Rejection | undefined {
    return this.#calls.run({ args: undefined, connectionId: null, ...own });
  }

  acknowledge(client: ClientRecord, callId: CallId): void {
    if (client.acknowledge(callId)) this.#acknowledged.add(client);
  }

  /** Lends a client more values of a column if it lacks them; it may be told once `executedBatch` of this moment is durable. */
  lend(table: TableDefinition, column: number, client: ClientRecord): Lease | undefined {
    const lease = this.#leases.topUp(table, column, client.clientNo);
    if (lease !== undefined) this.#pipeline.askFlush();
    return lease;
  }

  /** What a client holds of a column, in the order it was lent. */
  leases(tableId: number, column: number, client: ClientRecord): Lease[] {
    return this.#leases.heldBy(tableId, column, client.clientNo);
  }

  /** Resolves when everything executed so far is durable; rejects with `log-unavailable` when it was taken back. */
  settled(): Promise<void> {
    return this.#pipeline.settled();
  }

  /** What a checkpoint taken now would keep beside the rows. */
  snapshot(): { clients: ReturnType<Clients['snapshot']>; leases: Lease[]; connections: [bigint, bigint][] } {
    return {
      clients: this.#clients.snapshot(),
      leases: this.#leases.snapshot(),
      connections: this.#connections.snapshot(),
    };
  }

  /** Makes everything durable and closes the log. Connections must be ended before. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    try {
      if (this.failure === undefined) await this.settled();
    } finally {
      this.#stop();
      await this.#options.log.close();
      this.engine.close();
    }
  }

  /** A refusal of `init` is never written, so that the next start runs it again. */
  async #start(isFirst: boolean): Promise<void> {
    const rejection = isFirst ? this.#calls.runLifecycle('init', this.databaseIdentity, null) : undefined;
    if (rejection !== undefined) {
      this.#stop();
      throw new ForerunError(
        'module-invalid',
        `The module's init reducer failed, so the database was not created: ${rejection.message}`,
      );
    }
    this.#connectionCalls.endLost();
    await this.settled();
    this.#schedule.start();
  }

  #stop(): void {
    this.#isClosed = true;
    this.#schedule.stop();
    this.#pipeline.stop();
  }

  #checkOpen(): void {
    if (this.failure !== undefined) throw this.failure;
    if (this.#isClosed)
      throw new ForerunError('client-closed', 'The authority has stopped. Connect again once it runs.');
  }

  #repeat(client: ClientRecord, callId: CallId): Outcome | undefined {
    if (callId >= this.#pipeline.firstInFlight(client)) return undefined;
    return client.outcomeOfPast(callId);
  }

  #execute(client: ClientRecord, call: Call, reducer?: ReducerDefinition): Execution {
    this.#runningClientNo = client.clientNo;
    this.#budget.begin();
    const execution = this.engine.execute(call, reducer);
    const drawn = this.#leases.takeDrawn();
    if (drawn.length > 0) this.#pipeline.open.undoWith(() => this.#leases.giveBack(drawn));
    return execution;
  }

  #run(client: ClientRecord, call: Call, reducer: ReducerDefinition): void {
    const execution = this.#execute(client, call);
    if (execution.type === 'unpredictable') throw new ForerunError('internal', 'The authority has every table.');
    if (execution.type === 'rejected') {
      if (execution.rejection.code === 'reducer-threw')
        this.#options.diagnostics?.reducerThrew(reducer.name, execution.cause);
      this.#reject(client, call.callId, execution.rejection);
      return;
    }
    this.#commit(client, call, execution.changes);
  }

  #commit(client: ClientRecord, call: Call, changes: readonly RowChange[]): void {
    const { callId } = call;
    const { open } = this.#pipeline;
    const logged = this.#ephemeral.without(changes);
    if (logged.length > 0) {
      if (open.commit(this.engine, client, callId, call.timestampMicros, logged) === undefined)
        return this.#takeBack(client, call, changes);
      this.#pipeline.executed(logged);
    } else if (!this.#ephemeral.hasTables) open.unchanged(client, callId);
    // Of a call of the database nobody asks what came of it.
    else if (client !== this.#clients.database) open.calls.settle(client, callId, unlogged);
    if (logged.length < changes.length) {
      const ephemeral = this.#ephemeral.take(changes, call.connectionId?.__connection_id__);
      open.ephemeral.push({ client, callId, changes: ephemeral });
    }
    this.#schedule.note(logged);
    this.#pipeline.askFlush();
  }

  /** It has run, and would be too large a commit. */
  #takeBack(client: ClientRecord, { callId, reducerId }: Call, changes: readonly RowChange[]): void {
    this.engine.rollBack(changes);
    if (client === this.#clients.database) return this.#calls.failed(reducerId, tooManyBytes());
    this.#reject(client, callId, { code: 'limit-reached', message: tooManyBytes().message });
  }

  #reject(client: ClientRecord, callId: CallId, rejection: Rejection): void {
    this.#pipeline.open.reject(client, callId, rejection);
    this.#pipeline.askFlush();
  }

  #logLease({ tableId, column, clientNo, from, to }: Lease): void {
    this.#pipeline.open.note((writer) => writeLease(writer, tableId, column, clientNo, from, to));
  }

  #writeAcknowledged(batch: OpenBatch): void {
    for (const client of this.#acknowledged) writeAcknowledged(batch.writer, client.clientNo, client.settledBefore);
    this.#acknowledged.clear();
  }

  #nowMicros(): number {
    return Math.floor(this.#options.environment.clock.now() * 1000);
  }
}
