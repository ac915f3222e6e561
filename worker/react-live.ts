/**
 * Live queries for React: what a hook subscribes to, and when the query behind it begins and ends.
 *
 * Law: a query runs while a mounted component, or one that waits to be mounted, asks for it, and no longer. React may
 * render without mounting and mount twice (strict mode); neither leaves a query behind.
 */

import type { SqlValue } from '../core/engine/sql-value.ts';
import type { ForerunError } from '../core/errors.ts';
import type { ModuleExports } from '../core/module/module.ts';
import { specOf } from '../core/module/query-builder.ts';
import { specKey } from '../core/module/query-spec.ts';
import type { Query } from '../core/module/table-query.ts';
import { isSql, type Sql, sqlText } from '../core/query/sql-template.ts';
import type { Client } from './client/client.ts';
import type { LiveRows } from './client/live-rows.ts';

/** What a hook can be given. */
export type Asked<Row> = Query<Row> | Sql<Row> | string;

/** One live query, and those who look at it. */
export interface Shared<Row> {
  readonly live: LiveRows<Row>;
  /** Settles with the first result or error; always the same promise. */
  readonly first: Promise<unknown>;
  readonly subscribe: (listener: () => void) => () => void;
  /** The same object while nothing changes, which React asks of a snapshot. */
  readonly result: () => readonly Row[] | ForerunError;
  /** The result ends it, as the last of all does. */
  readonly keep: () => () => void;
}

/** How long a query waits for its component to be mounted. */
const mountMs = 10_000;

/** Equal for the same query, however it is written: builders and templates are made anew by each render. */
export function askedKey<Row>(query: Asked<Row>, params: readonly SqlValue[]): string {
  if (typeof query === 'string') return `${query}\n${valuesKey(params)}`;
  if (isSql(query)) {
    const { text, params: values } = sqlText(query);
    return `${text}\n${valuesKey(values)}`;
  }
  const spec = specOf(query);
  // What it is, the client says, which refuses it.
  return spec === undefined ? '' : specKey(spec);
}

function valuesKey(values: readonly SqlValue[]): string {
  // By their types: a text may look like any of the others.
  return JSON.stringify(
    values.map((value) =>
      typeof value === 'bigint' || typeof value === 'number'
        ? [typeof value, String(value)]
        : value instanceof Uint8Array
          ? [...value]
          : value,
    ),
  );
}

export function startLive<Row>(
  client: Client<ModuleExports>,
  query: Asked<Row>,
  params: readonly SqlValue[],
): LiveRows<Row> {
  return typeof query === 'string' ? client.live<Row>(query, ...params) : client.live(query);
}

const shared = new WeakMap<Client<ModuleExports>, Map<string, Shared<unknown>>>();

/** The query of this key, which runs already or begins; for components that wait for it before they are mounted. */
export function sharedLive<Row>(client: Client<ModuleExports>, key: string, start: () => LiveRows<Row>): Shared<Row> {
  const queries = shared.get(client) ?? new Map<string, Shared<unknown>>();
  shared.set(client, queries);
  const known = queries.get(key);
  // The key holds the query, and with it the type of its rows.
  if (known !== undefined) return known as Shared<Row>;
  const live = start();
  const entry = keptWhileUsed(live, () => queries.delete(key));
  queries.set(key, entry);
  return entry;
}

function keptWhileUsed<Row>(live: LiveRows<Row>, onEnd: () => void): Shared<Row> {
  let users = 0;
  let isEnded = false;
  const endUnlessUsed = (): void => {
    if (users > 0 || isEnded) return;
    isEnded = true;
    onEnd();
    live.close();
  };
  const keep = (): (() => void) => {
    users++;
    return () => {
      users--;
      // The last user may be replaced in the same tick.
      queueMicrotask(endUnlessUsed);
    };
  };
  setTimeout(endUnlessUsed, mountMs);
  return {
    live,
    first: live.ready().catch(() => {}),
    keep,
    subscribe: (listener) => {
      const leave = keep();
      const stop = live.subscribe(listener);
      return () => {
        stop();
        leave();
      };
    },
    result: () => live.error ?? live.rows,
  };
}
