/**
 * The authority: admits calls, orders and runs them one at a time, makes them durable, and only then shows them.
 *
 * Everything happens in `call` (run, append to the open batch) and in the log's answer (publish, send the next batch).
 * Batches form by themselves while the last one is being written; when the log is idle, a call waits for nothing but the
 * end of the tick that brought it.
 *
 * Laws: the engine holds the rows as of `executedSeq`; nobody is told anything beyond `durableSeq`. When a batch can't
 * be made durable, everything executed since is taken back and its calls count as never received: their clients hold
 * them and send them again. Every connection ends then; `clientDisconnected` runs for each once the log works again.
 */

import { assert } from '../assert.ts';
import { ByteWriter } from '../codec/bytes.ts';
import {
  type Call,
  type CallId,
  type ClientId,
  type Epoch,
  type IdHint,
  idBytes,
  type Outcome,
  type Rejection,
  type Seq,
} from '../commit/call.ts';
import type { Log } from '../commit/log.ts';
import { Engine } from '../engine/engine.ts';
import type { Environment } from '../environment.ts';
import { ForerunError } from '../errors.ts';
import type { Lifecycle, ModuleDefinition, ReducerDefinition, TableDefinition } from '../module/definition.ts';
import { ConnectionId } from '../value/connection-id.ts';
import { Identity } from '../value/identity.ts';
import { admit } from './admission.ts';
import { OpenBatch, type DurableBatch } from './batch.ts';
import { type Checkpoint, emptyCheckpoint, recover } from './checkpoint.ts';
import { type ClientRecord, Clients } from './clients.ts';
import { IdLeases, type Lease } from './id-lease.ts';
import { writeAcknowledged, writeClient, writeLease } from './record.ts';

export interface AuthorityOptions {
  readonly definition: ModuleDefinition;
  readonly log: Log;
  readonly environment: Environment;
  readonly epoch: Epoch;
  readonly databaseIdentity: Identity;
  /** 32 hex digits that no client knows: seeds the randomness of reducers with `predict: false`. */
  readonly secret: string;
  /** Tables as of some batch; recovery replays the log from there. Default: nothing. */
  readonly checkpoint?: Checkpoint;
  readonly guard?: boolean;
  /** How far a call's proposed time may be from the authority's clock; beyond it the authority sets its own. Default 250. */
  readonly timestampToleranceMs?: number;
  readonly diagnostics?: Diagnostics;
}

/** What people who run the authority are told. Never holds secrets. */
export interface Diagnostics {
  readonly reducerThrew: (reducer: string, error: unknown) => void;
  readonly logFailed: (error: unknown) => void;
}

/** A call as it comes in, before it is known to be new. */
export interface CallRequest {
  readonly callId: CallId;
  readonly reducerId: number;
  readonly timestampMicros: number;
  /** Canonical arguments, or why they are none. */
  readonly args: { readonly value: unknown } | { readonly refused: Rejection };
  readonly connectionId: ConnectionId | null;
  readonly idHints: IdHint[];
}

export interface AuthorityListener {
  readonly durable: (batch: DurableBatch) => void;
  /** Everything since the last durable batch was taken back. */
  readonly unavailable: (error: ForerunError) => void;
}

const retryDelayMs = 1_000;

export class Authority {
  readonly definition: ModuleDefinition;
  readonly engine: Engine;
  readonly epoch: Epoch;
  readonly databaseIdentity: Identity;
  readonly #options: AuthorityOptions;
  readonly #clients: Clients;
  readonly #leases: IdLeases;
  /** Connections whose `clientDisconnected` is still to run. */
  readonly #connections = new Map<bigint, Identity>();
  /** The same, as of the last durable batch. */
  readonly #durableConnections = new Map<bigint, Identity>();
  /** Clients that have acknowledged outcomes since the last batch was sent. */
  readonly #acknowledged = new Set<ClientRecord>();
  readonly #listeners = new Set<AuthorityListener>();
  #writers: [ByteWriter, ByteWriter] = [new ByteWriter(), new ByteWriter()];
  #open: OpenBatch;
  #writing: OpenBatch | undefined;
  #flushAsked = false;
  #batchNumber: number;
  #durableSeq: Seq;
  #failure: ForerunError | undefined;
  #runningClientNo = 0;
  #closed = false;

  private constructor(
    options: AuthorityOptions,
    engine: Engine,
    clients: Clients,
    leases: IdLeases,
    recovered: { seq: Seq; batchNumber: number },
  ) {
    this.#options = options;
    this.definition = options.definition;
    this.epoch = options.epoch;
    this.databaseIdentity = options.databaseIdentity;
    this.engine = engine;
    this.#clients = clients;
    this.#leases = leases;
    this.#batchNumber = recovered.batchNumber;
    this.#durableSeq = recovered.seq;
    this.#open = this.#newBatch((recovered.seq + 1) as Seq);
  }

  /** Recovers from checkpoint and log; on a database's first start runs `init`, whose failure fails the start. */
  static async open(options: AuthorityOptions): Promise<Authority> {
    const { definition, log, databaseIdentity } = options;
    const clients = new Clients(databaseIdentity);
    const holder: { authority?: Authority } = {};
    const leases = new IdLeases(
      (lease) => holder.authority?.logLease(lease),
      () => holder.authority?.runningClientNo() ?? 0,
    );
    const engine = await Engine.open({
      definition,
      ids: leases,
      databaseIdentity,
      secret: options.secret,
      guard: options.guard === true,
      senderAuth: (call) => ({ isInternal: call.connectionId === null, hasJWT: false, jwt: null }),
    });
    const recovered = await recover({
      engine,
      log,
      clients,
      leases,
      checkpoint: options.checkpoint ?? emptyCheckpoint,
    });
    const authority = new Authority(options, engine, clients, leases, recovered);
    holder.authority = authority;
    if (recovered.batchNumber === 0) await authority.#initialise();
    for (const [connectionId, identity] of recovered.connections)
      authority.#durableConnections.set(connectionId, new Identity(identity));
    authority.#endLostConnections();
    await authority.settled();
    return authority;
  }

  /** Rows as of this commit are in the engine; it may not be durable yet. */
  get executedSeq(): Seq {
    return (this.#open.firstSeq + this.#open.commits.length - 1) as Seq;
  }

  get durableSeq(): Seq {
    return this.#durableSeq;
  }

  /** Number of the batch that holds the newest of what was executed; what was read now may be shown once it is durable. */
  get executedBatch(): number {
    return this.#batchNumber + (this.#writing === undefined ? 0 : 1) + (this.#open.isEmpty ? 0 : 1);
  }

  get durableBatch(): number {
    return this.#batchNumber;
  }

  /** Set while the log can't be written: calls are refused until it can. */
  get failure(): ForerunError | undefined {
    return this.#failure;
  }

  listen(listener: AuthorityListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The record of a client, made when it is new. Throws `token-invalid` when it belongs to someone else. */
  client(clientId: ClientId, identity: Identity): ClientRecord {
    const known = this.#clients.find(clientId, identity);
    if (known !== undefined) return known;
    const client = this.#clients.add(clientId, identity);
    this.#open.note((writer) => writeClient(writer, client.clientNo, idBytes(clientId), identity.__identity__));
    this.#askFlush();
    return client;
  }

  /**
   * Runs a call that is new, and gives nothing: its outcome comes with its durable batch. A call that ran before is not
   * run again; its outcome is returned when it is durable already, and comes with its batch otherwise.
   */
  call(client: ClientRecord, request: CallRequest): Outcome | undefined {
    if (request.callId <= client.lastCallId) return this.#repeat(client, request.callId);
    const reducer = this.definition.reducers[request.reducerId];
    const refused = refusalOf(reducer, request);
    if (refused !== undefined || reducer === undefined || 'refused' in request.args) {
      this.#reject(client, request.callId, refused as Rejection);
      return undefined;
    }
    const timestampMicros = admit(
      client,
      request.timestampMicros,
      this.#nowMicros(),
      (this.#options.timestampToleranceMs ?? 250) * 1000,
    );
    this.#run(
      client,
      {
        clientId: client.clientId,
        callId: request.callId,
        reducerId: request.reducerId,
        args: request.args.value,
        timestampMicros,
        sender: client.identity,
        connectionId: request.connectionId,
        idHints: request.idHints,
      },
      reducer,
    );
    return undefined;
  }

  /** Runs `clientConnected`; resolves when it is durable, rejects with `connection-refused` when the module refuses. */
  async connect(connectionId: ConnectionId, identity: Identity): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const hasHooks =
      this.#lifecycle('clientConnected') !== undefined || this.#lifecycle('clientDisconnected') !== undefined;
    if (!hasHooks) return;
    // In one batch with the hook's effects: whatever stops the authority after it, the connection is known and ended.
    this.#connections.set(connectionId.__connection_id__, identity);
    this.#open.connected(connectionId.__connection_id__, identity);
    this.#askFlush();
    const rejection = this.#runLifecycle('clientConnected', identity, connectionId);
    if (rejection !== undefined) this.#forgetConnection(connectionId.__connection_id__);
    await this.settled();
    if (rejection !== undefined)
      throw new ForerunError('connection-refused', `The module refused the connection: ${rejection.message}`);
  }

  /** Runs `clientDisconnected`, whose failure changes nothing. */
  disconnect(connectionId: ConnectionId): void {
    const identity = this.#connections.get(connectionId.__connection_id__);
    if (identity !== undefined && !this.#closed) this.#endConnection(connectionId.__connection_id__, identity);
  }

  acknowledge(client: ClientRecord, callId: CallId): void {
    if (client.acknowledge(callId)) this.#acknowledged.add(client);
  }

  /** Lends a client more values of a column; it may be told once `executedBatch` of this moment is durable. */
  lend(table: TableDefinition, column: number, client: ClientRecord): Lease | undefined {
    const lease = this.#leases.lend(table, column, client.clientNo);
    if (lease !== undefined) this.#askFlush();
    return lease;
  }

  leased(tableId: number, column: number, client: ClientRecord): bigint {
    return this.#leases.left(tableId, column, client.clientNo);
  }

  /** Resolves when everything executed so far is durable; rejects with `log-unavailable` when it was taken back. */
  settled(): Promise<void> {
    const batch = this.executedBatch;
    if (batch <= this.#batchNumber) return Promise.resolve();
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

  /** What a checkpoint taken now would keep beside the rows. */
  snapshot(): { clients: ReturnType<Clients['snapshot']>; leases: Lease[]; connections: [bigint, bigint][] } {
    return {
      clients: this.#clients.snapshot(),
      leases: this.#leases.snapshot(),
      connections: [...this.#connections].map(([id, identity]) => [id, identity.__identity__]),
    };
  }

  /** Makes everything durable and closes the log. Connections must be ended before. */
  async close(): Promise<void> {
    if (this.#closed) return;
    try {
      if (this.#failure === undefined) await this.settled();
    } finally {
      this.#closed = true;
      await this.#options.log.close();
      this.engine.close();
    }
  }

  logLease(lease: Lease): void {
    this.#open.note((writer) => writeLease(writer, lease.tableId, lease.column, lease.clientNo, lease.from, lease.to));
  }

  runningClientNo(): number {
    return this.#runningClientNo;
  }

  /** What came of a client's calls after this one, as far as it is durable; of the others it comes with their batch. */
  outcomesAfter(client: ClientRecord, callId: CallId): Outcome[] {
    const first = this.#firstInFlight(client);
    return client.outcomesAfter(callId).filter((outcome) => outcome.callId < first);
  }

  #firstInFlight(client: ClientRecord): number {
    for (const batch of [this.#writing, this.#open]) {
      const call = batch?.calls.find((each) => each.client === client);
      if (call !== undefined) return call.callId;
    }
    return Number.POSITIVE_INFINITY;
  }

  #repeat(client: ClientRecord, callId: CallId): Outcome | undefined {
    if (callId >= this.#firstInFlight(client)) return undefined;
    return (
      client.outcome(callId) ?? {
        type: 'rejected',
        callId,
        rejection: { code: 'call-too-late', message: `Call ${callId} ran before, and its outcome is kept no longer.` },
      }
    );
  }

  #run(client: ClientRecord, call: Call, reducer: ReducerDefinition): void {
    this.#runningClientNo = client.clientNo;
    const execution = this.engine.execute(call);
    if (execution.type === 'unpredictable') throw new ForerunError('internal', 'The authority has every table.');
    if (execution.type === 'rejected') {
      if (execution.rejection.code === 'reducer-threw')
        this.#options.diagnostics?.reducerThrew(reducer.name, execution.cause);
      this.#reject(client, call.callId, execution.rejection);
      return;
    }
    const open = this.#open;
    let settled = 0;
    if (execution.changes.length === 0) open.unchanged(client, call.callId);
    else settled = open.commit(this.engine, client, call.callId, call.timestampMicros, execution.changes);
    open.settle({ client, callId: call.callId, settled, previousCallId: client.lastCallId });
    client.settle(call.callId, settled);
    this.#askFlush();
  }

  #reject(client: ClientRecord, callId: CallId, rejection: Rejection): void {
    this.#open.reject(client, callId, rejection);
    this.#open.settle({ client, callId, settled: rejection, previousCallId: client.lastCallId });
    client.settle(callId, rejection);
    this.#askFlush();
  }

  #lifecycle(lifecycle: Lifecycle): ReducerDefinition | undefined {
    return this.definition.reducers.find((reducer) => reducer.lifecycle === lifecycle);
  }

  /** Gives why the module refused, if it did. */
  #runLifecycle(lifecycle: Lifecycle, sender: Identity, connectionId: ConnectionId | null): Rejection | undefined {
    const reducer = this.#lifecycle(lifecycle);
    if (reducer === undefined) return undefined;
    const { database } = this.#clients;
    const callId = (database.lastCallId + 1) as CallId;
    // Nobody asks for the outcomes of the database's own calls again.
    database.acknowledge(database.lastCallId);
    const call: Call = {
      clientId: database.clientId,
      callId,
      reducerId: reducer.reducerId,
      args: {},
      timestampMicros: this.#nowMicros(),
      sender,
      connectionId,
      idHints: [],
    };
    this.#run(database, call, reducer);
    const outcome = database.outcome(callId);
    return outcome?.type === 'rejected' ? outcome.rejection : undefined;
  }

  /** A refusal is never written, so that the next start runs `init` again. */
  async #initialise(): Promise<void> {
    const rejection = this.#runLifecycle('init', this.databaseIdentity, null);
    if (rejection === undefined) return this.settled();
    this.#closed = true;
    this.engine.close();
    throw new ForerunError(
      'module-invalid',
      `The module's init reducer failed, so the database was not created: ${rejection.message}`,
    );
  }

  #endConnection(connectionId: bigint, identity: Identity): void {
    this.#forgetConnection(connectionId);
    this.#runLifecycle('clientDisconnected', identity, new ConnectionId(connectionId));
  }

  #forgetConnection(connectionId: bigint): void {
    this.#connections.delete(connectionId);
    this.#open.disconnected(connectionId);
    this.#askFlush();
  }

  #endLostConnections(): void {
    for (const [connectionId, identity] of this.#durableConnections) this.#endConnection(connectionId, identity);
  }

  #nowMicros(): number {
    return Math.floor(this.#options.environment.clock.now() * 1000);
  }

  #newBatch(firstSeq: Seq): OpenBatch {
    const [writer, other] = this.#writers;
    this.#writers = [other, writer];
    return new OpenBatch(firstSeq, this.#nowMicros(), writer);
  }

  #askFlush(): void {
    if (this.#flushAsked || this.#writing !== undefined || this.#failure !== undefined) return;
    this.#flushAsked = true;
    this.#options.environment.scheduler.soon(() => {
      this.#flushAsked = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#writing !== undefined || this.#open.isEmpty || this.#closed || this.#failure !== undefined) return;
    this.#write();
  }

  #write(): void {
    const batch = this.#open;
    for (const client of this.#acknowledged) writeAcknowledged(batch.writer, client.clientNo, client.settledBefore);
    this.#acknowledged.clear();
    this.#writing = batch;
    this.#open = this.#newBatch((batch.firstSeq + batch.commits.length) as Seq);
    const { log, durable } = batch.seal(this.#batchNumber + 1);
    this.#options.log.append(log).then(
      () => this.#appended(batch, durable),
      (error: unknown) => this.#failed(error),
    );
  }

  #appended({ connections }: OpenBatch, batch: DurableBatch): void {
    this.#batchNumber++;
    this.#writing = undefined;
    for (const { connectionId, identity } of connections) {
      if (identity === undefined) this.#durableConnections.delete(connectionId);
      else this.#durableConnections.set(connectionId, identity);
    }
    assert(batch.lastSeq >= this.#durableSeq, 'durable commits only grow');
    this.#durableSeq = batch.lastSeq;
    for (const listener of this.#listeners) listener.durable(batch);
    if (this.#failure !== undefined) {
      this.#failure = undefined;
      this.#endLostConnections();
    }
    this.#flush();
  }

  #failed(cause: unknown): void {
    const isNew = this.#failure === undefined;
    const failure = new ForerunError(
      'log-unavailable',
      'The log can not be written, so no call is accepted. See the diagnostics of the authority; it goes on by itself once writing works again.',
      { cause },
    );
    this.#failure = failure;
    this.#open.undo(this.engine);
    this.#writing?.undo(this.engine);
    const lost = this.#writing === undefined ? [this.#open] : [this.#writing, this.#open];
    const firstSeq = lost[0]?.firstSeq ?? this.#open.firstSeq;
    this.#writing = undefined;
    this.#open = new OpenBatch(firstSeq, this.#nowMicros(), new ByteWriter());
    for (const batch of lost) this.#open.adopt(batch);
    this.#connections.clear();
    if (isNew) {
      this.#options.diagnostics?.logFailed(cause);
      for (const listener of this.#listeners) listener.unavailable(failure);
    }
    // Even if it is empty, the batch tells whether the log can be written again.
    this.#options.environment.scheduler.after(retryDelayMs, () => {
      if (!this.#closed) this.#write();
    });
  }
}

function refusalOf(reducer: ReducerDefinition | undefined, request: CallRequest): Rejection | undefined {
  if (reducer === undefined)
    return { code: 'reducer-unknown', message: `There is no reducer number ${request.reducerId} in this module.` };
  if (reducer.lifecycle !== undefined || reducer.scheduledTableId !== undefined) {
    return { code: 'reducer-not-callable', message: `The reducer '${reducer.name}' is called by the database only.` };
  }
  return 'refused' in request.args ? request.args.refused : undefined;
}
