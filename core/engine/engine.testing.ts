/** An engine over some tables, and reducers made up on the spot, for tests. */

import { compileCanonical } from '../codec/canonical.ts';
import { type Call, type CallId, type ClientId, clientIdFromBytes, type IdHint } from '../commit/call.ts';
import type { Row, RowChange } from '../commit/row-change.ts';
import type { ReducerCtx } from '../module/context.ts';
import { defineModule, type ModuleExports } from '../module/module.ts';
import { schema } from '../module/schema.ts';
import type { Tables } from '../module/table-view.ts';
import { Identity } from '../value/identity.ts';
import { Engine, type EngineOptions, type IdSource } from './engine.ts';
import type { Execution } from './execute.ts';

export const testClientId = clientIdFromBytes(Uint8Array.from({ length: 16 }, (_, i) => i + 1));

/** So small that rows are written to SQLite, evicted and loaded again all the time. */
export const tinyLimits = { cachedRowsMax: 4, dirtyRowsMax: 3 };

export interface CallFields {
  readonly callId?: number;
  readonly args?: unknown;
  readonly clientId?: ClientId;
  readonly timestampMicros?: number;
  readonly proposedMicros?: number;
  readonly sender?: Identity;
  readonly idHints?: IdHint[];
}

/** Counts up from 1 for each column. */
export function countingIds(): IdSource {
  const next = new Map<string, bigint>();
  return {
    next: (table, column) => {
      const key = `${table.tableId}.${column}`;
      const id = next.get(key) ?? 1n;
      next.set(key, id + 1n);
      return id;
    },
  };
}

/** Makes a call of an exported reducer; its arguments are checked as at any edge. */
export class TestCaller {
  readonly engine: Engine;
  #lastCallId = 0;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  call(accessor: string, fields: CallFields = {}): Execution {
    return this.engine.execute(this.prepare(accessor, fields));
  }

  prepare(accessor: string, fields: CallFields = {}): Call {
    const reducer = this.engine.definition.reducers.find((each) => each.accessor === accessor);
    if (reducer === undefined) throw new Error(`the module has no reducer ${accessor}`);
    this.#lastCallId = fields.callId ?? this.#lastCallId + 1;
    return {
      clientId: fields.clientId ?? testClientId,
      callId: this.#lastCallId as CallId,
      reducerId: reducer.reducerId,
      args: compileCanonical(reducer.params, 'args-invalid')(fields.args ?? {}, 'args'),
      timestampMicros: fields.timestampMicros ?? 1_700_000_000_000_000,
      proposedMicros: fields.proposedMicros ?? fields.timestampMicros ?? 1_700_000_000_000_000,
      sender: fields.sender ?? new Identity(7n),
      connectionId: null,
      idHints: fields.idHints ?? [],
    };
  }
}

export async function openModule(exports: ModuleExports, options: Partial<EngineOptions> = {}): Promise<TestCaller> {
  return new TestCaller(await Engine.open({ definition: defineModule(exports), ids: countingIds(), ...options }));
}

/** An engine over these tables, whose one reducer is whatever it is given to run. */
export class Bench<S extends Tables> {
  readonly engine: Engine;
  readonly #caller: TestCaller;
  readonly #setBody: (body: Body<S>) => void;

  private constructor(caller: TestCaller, setBody: (body: Body<S>) => void) {
    this.engine = caller.engine;
    this.#caller = caller;
    this.#setBody = setBody;
  }

  static async open<const S extends Tables>(tables: S, options: Partial<EngineOptions> = {}): Promise<Bench<S>> {
    let current: Body<S> = () => {};
    const module = schema(tables);
    const run = module.reducer((ctx) => current(ctx));
    const caller = await openModule({ default: module, run }, options);
    return new Bench(caller, (body) => {
      current = body;
    });
  }

  /** What came of it. */
  execute(body: Body<S>, fields: CallFields = {}): Execution {
    this.#setBody(body);
    return this.#caller.call('run', fields);
  }

  /** Its write set; throws what it threw. */
  run(body: Body<S>, fields: CallFields = {}): readonly RowChange[] {
    const execution = this.execute(body, fields);
    if (execution.type === 'committed') return execution.changes;
    throw execution.type === 'rejected' ? execution.cause : new Error(execution.reason);
  }

  /** What it returned. */
  read<T>(body: (ctx: ReducerCtx<S>) => T): T {
    let result: { readonly value: T } | undefined;
    this.run((ctx) => {
      result = { value: body(ctx) };
    });
    if (result === undefined) throw new Error('the reducer did not run');
    return result.value;
  }
}

/** A reducer's function without its parameters. What it returns is the engine's to judge. */
export type Body<S extends Tables> = (ctx: ReducerCtx<S>) => void;

/** Everything in the stores, as text: equal texts, equal rows in equal order. */
export function contents(engine: Engine, render: (row: Row) => string): string[][] {
  return engine.stores.map((store) => engine.rows(store.shape.table.tableId).map(render));
}

/** A table of any columns as a reducer sees it, where its types are not known to the compiler. */
export interface LooseTable {
  insert(row: object): Row;
  delete(row: object): boolean;
  clear(): bigint;
  count(): bigint;
  iter(): IterableIterator<Row>;
  readonly [index: string]: unknown;
}

export interface LooseIndex {
  find(key: unknown): Row | null;
  filter(bounds: unknown): IterableIterator<Row>;
  delete(bounds: unknown): number | boolean;
  update(row: object): Row;
}

export function looseTable(ctx: { readonly db: object }, accessor: string): LooseTable {
  return Reflect.get(ctx.db, accessor);
}

export function looseIndex(table: LooseTable, accessor: string): LooseIndex {
  return table[accessor] as LooseIndex;
}
