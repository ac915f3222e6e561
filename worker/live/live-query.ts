/**
 * Live queries in the host: any SQL that the replica can run, run again when a table it reads has changed, and sent to
 * the page as the difference to its last result.
 *
 * Law: after `refresh`, every query's last result is what its SQL gives on the predicted state. A row whose values are
 * the same as those of a row of the last result is that row: it keeps its identity on the page.
 */

import { type Codec, compileCodec } from '../../core/codec/bsatn.ts';
import { ByteWriter } from '../../core/codec/bytes.ts';
import type { Row } from '../../core/commit/row-change.ts';
import type { Statement } from '../../core/engine/database.ts';
import type { Engine } from '../../core/engine/engine.ts';
import type { SqlValue } from '../../core/engine/sql-value.ts';
import { ForerunError } from '../../core/errors.ts';
import { tablesRead } from '../../core/query/dependencies.ts';
import { planQuery } from '../../core/query/plan-query.ts';
import { needsExact, resultSql, rowReader } from '../../core/query/select.ts';
import type { HostEvent, RowsUpdate, WatchRequest } from '../client/host-api.ts';

interface LiveQuery {
  readonly queryId: number;
  readonly statement: Statement;
  readonly params: readonly SqlValue[];
  /** Rows of a builder's query are typed. */
  readonly typed: TypedRows | undefined;
  readonly tables: ReadonlySet<number>;
  readonly columns: readonly string[];
  /** Keys of the last result's rows, in order; undefined before the first. */
  last: readonly string[] | undefined;
  stale: boolean;
}

interface TypedRows {
  readonly read: (values: readonly SqlValue[]) => Row;
  readonly codec: Codec;
}

export class LiveQueries {
  readonly #engine: Engine;
  readonly #queries = new Map<number, LiveQuery>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Its first result comes with the next `refresh`. */
  watch(request: WatchRequest): HostEvent | undefined {
    try {
      const { sql, params, typed } = this.#asked(request);
      const statement = this.#engine.query(sql);
      const tables = tablesRead(this.#engine, sql);
      this.#queries.set(request.queryId, {
        queryId: request.queryId,
        statement,
        params,
        typed,
        tables,
        columns: statement.columnNames(),
        last: undefined,
        stale: true,
      });
      return undefined;
    } catch (error) {
      if (!(error instanceof ForerunError)) throw error;
      return { type: 'queryFailed', queryId: request.queryId, message: error.message };
    }
  }

  unwatch(queryId: number): void {
    this.#queries.get(queryId)?.statement.free();
    this.#queries.delete(queryId);
  }

  /** Rows of this table have changed. */
  touch(tableId: number): void {
    for (const query of this.#queries.values()) if (query.tables.has(tableId)) query.stale = true;
  }

  get isStale(): boolean {
    for (const query of this.#queries.values()) if (query.stale) return true;
    return false;
  }

  /** Runs what is stale; an unchanged result is no event. */
  refresh(): HostEvent[] {
    if (!this.isStale) return [];
    this.#engine.flush();
    const events: HostEvent[] = [];
    for (const query of this.#queries.values()) {
      if (!query.stale) continue;
      query.stale = false;
      const event = this.#run(query);
      if (event !== undefined) events.push(event);
    }
    return events;
  }

  close(): void {
    for (const queryId of [...this.#queries.keys()]) this.unwatch(queryId);
  }

  #run(query: LiveQuery): HostEvent | undefined {
    const { queryId, params, typed } = query;
    let rows: SqlValue[][];
    try {
      rows = query.statement.all(params, typed === undefined ? undefined : needsExact);
    } catch (error) {
      if (!(error instanceof ForerunError)) throw error;
      return { type: 'queryFailed', queryId, message: error.message };
    }
    const keys = rows.map(rowKey);
    const { last } = query;
    query.last = keys;
    if (last !== undefined && last.length === keys.length && last.every((key, i) => key === keys[i])) return undefined;
    const { order, fresh } = difference(last ?? [], keys, rows);
    return { type: 'rows', queryId, update: { columns: query.columns, order, fresh: encoded(fresh, typed) } };
  }

  #asked({ source }: WatchRequest): { sql: string; params: readonly SqlValue[]; typed: TypedRows | undefined } {
    if (source.type === 'sql') return { ...source, typed: undefined };
    const { definition } = this.#engine;
    const plan = planQuery(source.spec, definition, { isVisible: (table) => table.public });
    const read = rowReader(plan, (tableId) => this.#engine.shape(tableId));
    return { ...resultSql(plan), typed: { read, codec: compileCodec(plan.rowType) } };
  }
}

function encoded(rows: readonly SqlValue[][], typed: TypedRows | undefined): RowsUpdate['fresh'] {
  if (typed === undefined) return { type: 'values', rows };
  const writer = new ByteWriter();
  for (const row of rows) typed.codec.encode(writer, typed.read(row));
  return { type: 'bsatn', bytes: writer.take() };
}

/** Where each row of a result stands in the last one; equal rows are matched one to one, in order. */
function difference(
  last: readonly string[],
  keys: readonly string[],
  rows: readonly SqlValue[][],
): { order: Int32Array; fresh: SqlValue[][] } {
  const places = new Map<string, number[]>();
  for (let i = last.length - 1; i >= 0; i--) {
    const key = last[i] as string;
    const known = places.get(key);
    if (known === undefined) places.set(key, [i]);
    else known.push(i);
  }
  const fresh: SqlValue[][] = [];
  const order = new Int32Array(keys.length);
  for (const [i, key] of keys.entries()) {
    const place = places.get(key)?.pop();
    order[i] = place ?? -1;
    if (place === undefined) fresh.push(rows[i] as SqlValue[]);
  }
  return { order, fresh };
}

/** Equal for equal rows only: each value is led by its type, texts and blobs by their length. */
function rowKey(row: readonly SqlValue[]): string {
  let key = '';
  for (const value of row) {
    if (typeof value === 'string') key += `t${value.length}:${value}`;
    else if (value === null) key += 'n';
    else if (typeof value === 'object') key += `b${value.length}:${value.join()}`;
    else key += `${value};`;
  }
  return key;
}
