/** Homes for authorities in tests: time that stands still until it is told to go on, and a log that can be held and broken. */

import { compileCanonical } from '../codec/canonical.ts';
import {
  type CallId,
  clientIdFromBytes,
  type ClientId,
  type Epoch,
  type IdHint,
  type Outcome,
} from '../commit/call.ts';
import { checkFollows, type Log, type LogBatch } from '../commit/log.ts';
import type { Environment } from '../environment.ts';
import { ForerunError } from '../errors.ts';
import { defineModule, type ModuleExports } from '../module/module.ts';
import { ConnectionId } from '../value/connection-id.ts';
import { Identity } from '../value/identity.ts';
import { Authority, type AuthorityOptions } from './authority.ts';
import type { DurableBatch } from './batch.ts';
import type { CallRequest } from './call-request.ts';
import type { ClientRecord } from './clients.ts';

interface Timer {
  readonly atMs: number;
  readonly task: () => void;
}

/** How far a process's clocks are ahead of the time; clocks step when it changes. */
export interface ClockSkew {
  wallMs: number;
  monotonicMs: number;
}

/** Tasks run when `settle` is called, timers when `advance` passes them. */
export class TestTime {
  nowMs = 1_767_225_600_000;
  readonly environment: Environment = this.environmentOf(() => true);
  #soon: (() => void)[] = [];
  #timers: Timer[] = [];
  #entropy = 0;

  /** Of a process: what it has left to do is not done once it is dead. */
  environmentOf(isAlive: () => boolean, skew: Readonly<ClockSkew> = { wallMs: 0, monotonicMs: 0 }): Environment {
    const living = (task: () => void) => () => {
      if (isAlive()) task();
    };
    return {
      clock: { now: () => this.nowMs + skew.wallMs, monotonicMs: () => this.nowMs + skew.monotonicMs },
      entropy: {
        fill: (bytes) => {
          for (let i = 0; i < bytes.length; i++) bytes[i] = (++this.#entropy * 31) & 0xff;
          return bytes;
        },
      },
      scheduler: {
        soon: (task) => void this.#soon.push(living(task)),
        after: (delayMs, task) => {
          const timer = { atMs: this.nowMs + delayMs, task: living(task) };
          this.#timers.push(timer);
          return () => {
            this.#timers = this.#timers.filter((each) => each !== timer);
          };
        },
      },
    };
  }

  get timerCount(): number {
    return this.#timers.length;
  }

  /** Runs the tasks that wait, and nothing that they bring about. */
  tick(): void {
    for (const task of this.#soon.splice(0)) task();
  }

  /** Until nothing is left to do at this moment. */
  async settle(): Promise<void> {
    for (let idle = 0; idle < 20; idle++) {
      if (this.#soon.length > 0) idle = 0;
      this.tick();
      await undefined;
    }
  }

  async advance(ms: number): Promise<void> {
    const until = this.nowMs + ms;
    for (;;) {
      await this.settle();
      const next = this.#timers.filter(({ atMs }) => atMs <= until).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((each) => each !== next);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.task();
    }
    this.nowMs = until;
  }
}

interface WaitingAppend {
  readonly batch: LogBatch;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** What survives of an authority. Each start opens it anew. */
export class TestLog {
  readonly batches: LogBatch[] = [];
  /** Appends wait until they are let go. */
  isHeld = false;
  isBroken = false;
  #waiting: WaitingAppend[] = [];
  #opened = 0;

  get waitingCount(): number {
    return this.#waiting.length;
  }

  open(): Log {
    const id = ++this.#opened;
    this.#waiting = [];
    return {
      append: (batch) =>
        new Promise((resolve, reject) => {
          this.#waiting.push({
            batch,
            resolve: () => id === this.#opened && resolve(),
            reject: (error) => id === this.#opened && reject(error),
          });
          if (!this.isHeld) this.letGo();
        }),
      read: (afterBatch) => this.#read(afterBatch),
      extent: () => ({ first: Math.min(1, this.batches.length), last: this.batches.length }),
      close: async () => {},
    };
  }

  /** Answers what waits: it is durable, or it has failed. */
  letGo(): void {
    for (const { batch, resolve, reject } of this.#waiting.splice(0)) {
      if (this.isBroken) {
        reject(new ForerunError('log-unavailable', 'The disk is full.'));
        continue;
      }
      checkFollows(batch, this.batches.length);
      this.batches.push({ ...batch, bytes: batch.bytes.slice() });
      resolve();
    }
  }

  async *#read(afterBatch: number): AsyncGenerator<LogBatch> {
    yield* this.batches.filter(({ number }) => number > afterBatch);
  }
}

export const clientIdOf = (n: number): ClientId => clientIdFromBytes(new Uint8Array(16).fill(n));
export const connectionIdOf = (n: number): ConnectionId => new ConnectionId(BigInt(n));
export const identityOf = (n: number): Identity => new Identity(BigInt(n));
export const databaseIdentity: Identity = identityOf(0xdb);

export interface CallOptions {
  readonly timestampMicros?: number;
  readonly idHints?: IdHint[];
  readonly connectionId?: ConnectionId | null;
}

interface Life {
  isOver: boolean;
  readonly skew: ClockSkew;
}

/** An authority with what it told, over a log that outlives it. */
export class Home {
  readonly #life: Life;
  readonly time: TestTime;
  readonly log: TestLog;
  readonly environment: Environment;
  readonly authority: Authority;
  readonly told: DurableBatch[] = [];
  readonly failures: ForerunError[] = [];

  private constructor(life: Life, time: TestTime, log: TestLog, authority: Authority) {
    this.#life = life;
    this.time = time;
    this.log = log;
    this.environment = time.environmentOf(() => !life.isOver, life.skew);
    this.authority = authority;
    authority.listen({
      durable: (batch) => {
        // As whoever wants them must: they can't be asked for later.
        void batch.commits;
        this.told.push(batch);
      },
      unavailable: (error) => void this.failures.push(error),
    });
  }

  static async open(
    exports: ModuleExports,
    {
      time = new TestTime(),
      log = new TestLog(),
      ...options
    }: Partial<Omit<AuthorityOptions, 'log'>> & {
      readonly time?: TestTime;
      readonly log?: TestLog;
    } = {},
  ): Promise<Home> {
    const life: Life = { isOver: false, skew: { wallMs: 0, monotonicMs: 0 } };
    const opening = Authority.open({
      definition: defineModule(exports),
      log: log.open(),
      environment: time.environmentOf(() => !life.isOver, life.skew),
      epoch: '0123456789abcdef' as Epoch,
      databaseIdentity,
      secret: 'ab'.repeat(16),
      ...options,
    });
    // What the opening waits for comes about while time is kept going.
    let authority: Authority | undefined;
    let failure: { readonly error: unknown } | undefined;
    opening.then(
      (opened) => {
        authority = opened;
      },
      (error: unknown) => {
        failure = { error };
      },
    );
    for (let i = 0; i < 100 && authority === undefined && failure === undefined; i++) {
      await time.settle();
      // Loading SQLite for the first time takes real time.
      await new Promise((resolve) => setTimeout(resolve, i < 5 ? 0 : 10));
    }
    if (failure !== undefined) throw failure.error;
    if (authority === undefined) throw new Error('the authority did not open');
    return new Home(life, time, log, authority);
  }

  /** Of the authority's clock. */
  get skew(): ClockSkew {
    return this.#life.skew;
  }

  client(n: number): ClientRecord {
    return this.authority.client(clientIdOf(n), identityOf(n));
  }

  /** Gives what the authority answers at once. */
  call(
    client: ClientRecord,
    callId: number,
    reducer: string,
    args: unknown = {},
    options: CallOptions = {},
  ): Outcome | undefined {
    return this.authority.call(client, this.request(callId, reducer, args, options));
  }

  request(callId: number, accessor: string, args: unknown, options: CallOptions = {}): CallRequest {
    const reducer = this.authority.definition.reducers.find((each) => each.accessor === accessor);
    return {
      callId: callId as CallId,
      reducerId: reducer?.reducerId ?? 999,
      timestampMicros: options.timestampMicros ?? this.time.nowMs * 1000,
      args: {
        value: reducer === undefined ? undefined : compileCanonical(reducer.params, 'args-invalid')(args, 'args'),
      },
      connectionId: options.connectionId === undefined ? connectionIdOf(1) : options.connectionId,
      idHints: options.idHints ?? [],
    };
  }

  /** Outcomes that a client has been told, in order. */
  outcomesOf(client: ClientRecord): Outcome[] {
    return this.told.flatMap(({ calls }) => calls.outcomesOf(client));
  }

  rows(accessor: string): readonly Record<string, unknown>[] {
    const table = this.authority.definition.tables.find((each) => each.accessor === accessor);
    if (table === undefined) throw new Error(`there is no table ${accessor}`);
    return this.authority.engine.rows(table.tableId);
  }

  /** As kill -9 would: nothing more is written, nobody is told. */
  kill(): void {
    this.#life.isOver = true;
    this.authority.engine.close();
  }
}
