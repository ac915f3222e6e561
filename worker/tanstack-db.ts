/**
 * `forerun/tanstack-db`: tables and live queries as TanStack DB collections, and with them its queries and its hooks for
 * React, Vue, Svelte, Solid and Angular.
 *
 *     const players = createCollection(forerunCollection(client, client.tables.player));
 *
 * Law: a collection's rows are those of the live query, the predicted state included, so prediction, roll back and replay
 * are ours and TanStack DB has no optimistic state of its own for longer than a call takes to be predicted.
 */

import type { CollectionConfig, SyncConfig } from '@tanstack/db';
import { ForerunError } from '../core/errors.ts';
import type { ModuleExports } from '../core/module/module.ts';
import { specOf } from '../core/module/query-builder.ts';
import type { Query } from '../core/module/table-query.ts';
import type { CallHandle } from './client/call-handle.ts';
import type { Client } from './client/client.ts';
import type { TableHandle } from './client/table-handle.ts';

/** What TanStack DB knows a row by. */
export type RowKey = string | number;

export interface ForerunCollectionOptions<Row> {
  /** Default: the name of the table. */
  readonly id?: string;
  /** Default: the primary key. Needed for selected columns, and for tables without a primary key. */
  readonly getKey?: (row: Row) => RowKey;
  /** What `collection.insert` calls. Without it, rows are changed by `client.reducers` only. */
  readonly insert?: (row: Row) => CallHandle;
  /** What `collection.update` calls, with the row as it is to be. */
  readonly update?: (row: Row, before: Row) => CallHandle;
  /** What `collection.delete` calls. */
  readonly delete?: (row: Row) => CallHandle;
}

type Mutations<Row> = { readonly transaction: { readonly mutations: readonly Mutation<Row>[] } };
interface Mutation<Row> {
  readonly original: unknown;
  readonly modified: Row;
}

/**
 * What `createCollection` takes. Throws `query-invalid`.
 *
 * A change made through the collection is its optimistic state until the reducer has been predicted, and ours from then
 * on: if the authority rejects the call, the rows go back. The collection's transaction is done when the call is
 * predicted, or, where it can't be or throws, when the authority has answered, and rejected if that refuses it. The
 * call's own promise, which the reducer returns, waits for the authority.
 */
export function forerunCollection<M extends ModuleExports, Row extends object>(
  client: Client<M>,
  query: Query<Row>,
  options: ForerunCollectionOptions<Row> = {},
): CollectionConfig<Row, RowKey> {
  const { insert, update, delete: remove } = options;
  const getKey = options.getKey ?? primaryKey(client, query);
  return {
    id: options.id ?? specOf(query)?.tables.join('-') ?? 'query',
    getKey,
    sync: { sync: (parts) => synced(client, query, getKey, parts), rowUpdateMode: 'full' },
    ...(insert && { onInsert: (done: Mutations<Row>) => each(done, ({ modified }) => insert(modified)) }),
    ...(update && {
      // Before an update there is a row.
      onUpdate: (done: Mutations<Row>) => each(done, ({ modified, original }) => update(modified, original as Row)),
    }),
    ...(remove && { onDelete: (done: Mutations<Row>) => each(done, ({ original }) => remove(original as Row)) }),
  };
}

async function each<Row>(
  { transaction }: Mutations<Row>,
  call: (mutation: Mutation<Row>) => CallHandle,
): Promise<void> {
  await Promise.all(
    transaction.mutations.map(async (mutation) => {
      const handle = call(mutation);
      const { type } = await handle.predicted;
      // What is left to the authority shows when it has answered, and not before. What throws here is as a rule refused
      // there: the transaction waits for it and fails with it.
      if (type !== 'predicted') await handle;
    }),
  );
}

/** Follows the live query until the collection is cleaned up. */
function synced<M extends ModuleExports, Row extends object>(
  client: Client<M>,
  query: Query<Row>,
  getKey: (row: Row) => RowKey,
  { begin, write, commit, markReady, markError }: Parameters<SyncConfig<Row, RowKey>['sync']>[0],
): () => void {
  const live = client.live(query);
  let known = new Map<RowKey, Row>();
  let isMarked = false;
  const follow = (): void => {
    if (live.error !== undefined) return markError(live.error);
    if (!live.isReady) return;
    const rows = new Map(live.rows.map((row) => [getKey(row), row] as const));
    begin();
    for (const [key, row] of known) if (!rows.has(key)) write({ type: 'delete', value: row });
    for (const [key, row] of rows) {
      const before = known.get(key);
      // Rows that did not change are the same objects.
      if (before !== row) write({ type: before === undefined ? 'insert' : 'update', value: row });
    }
    commit();
    known = rows;
    if (isMarked || !client.status.ready) return;
    isMarked = true;
    markReady();
  };
  const stops = [live.subscribe(follow), client.onStatus(() => !isMarked && follow())];
  follow();
  return () => {
    for (const stop of stops) stop();
    live.close();
  };
}

function primaryKey<M extends ModuleExports, Row extends object>(
  client: Client<M>,
  query: Query<Row>,
): (row: Row) => RowKey {
  const { tables, result, select } = specOf(query) ?? {};
  const accessor = select === undefined && result !== undefined ? tables?.[result] : undefined;
  const handle = Object.values(client.tables).find(
    (table: Pick<TableHandle<never>, 'accessor'>) => table.accessor === accessor,
  );
  const field = handle?.primaryKey;
  if (field === undefined)
    throw new ForerunError(
      'query-invalid',
      'forerunCollection: these rows have no primary key; say what tells them apart: { getKey: (row) => … }.',
    );
  return (row) => keyOf(Reflect.get(row, field));
}

/** Numbers and texts are themselves, all others what they print as. */
function keyOf(value: unknown): RowKey {
  if (typeof value === 'number' || typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null && 'tag' in value) return String(value.tag);
  return value instanceof Uint8Array ? value.join() : String(value);
}
