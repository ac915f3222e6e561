/**
 * `forerun/react`: a client in a React tree.
 *
 *     <ForerunProvider client={client}> … </ForerunProvider>
 *     const messages = useLive<Message>('SELECT * FROM message ORDER BY sent');
 *     const { sendMessage } = useReducers<typeof chat>();
 */

import {
  createContext,
  createElement,
  type ReactElement,
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useSyncExternalStore,
} from 'react';
import type { SqlValue } from '../core/engine/sql-value.ts';
import { ForerunError } from '../core/errors.ts';
import type { ModuleExports, ReducersOf } from '../core/module/module.ts';
import { specOf } from '../core/module/query-builder.ts';
import type { Query } from '../core/module/table-query.ts';
import { isSql, type Sql, sqlText } from '../core/query/sql-template.ts';
import type { Client, ReducerCall } from './client/client.ts';
import type { ClientCounters, ClientStatus } from './client/host-api.ts';
import type { LiveRows } from './client/live-rows.ts';
import { type Asked, askedKey, sharedLive, startLive } from './react-live.ts';

// A context can't be generic; `useClient` gives the type back.
const ClientContext = createContext<Client<ModuleExports> | undefined>(undefined);

/** Gives the client to everything below it. */
export function ForerunProvider<M extends ModuleExports>({
  client,
  children,
}: {
  readonly client: Client<M>;
  readonly children?: ReactNode;
}): ReactElement {
  return createElement(ClientContext.Provider, { value: client as unknown as Client<ModuleExports> }, children);
}

/** The client of the nearest `ForerunProvider`. Throws `client-closed` outside of one. */
export function useClient<M extends ModuleExports>(): Client<M> {
  const client = useContext(ClientContext);
  if (client === undefined)
    throw new ForerunError(
      'client-closed',
      'useClient: there is no <ForerunProvider client={…}> above this component.',
    );
  return client as unknown as Client<M>;
}

/**
 * A live query's rows: renders again when the result changes. Rows that did not change are the same objects, so
 * memoised components of rows don't render. With other parameters the rows stay until the new ones are here, so that a
 * list which is paged or filtered does not go blank in between. Throws `query-invalid` while rendering, for an error
 * boundary.
 */
export function useLive<Row>(query: Query<Row> | Sql<Row>): readonly Row[];
export function useLive<Row = Record<string, SqlValue>>(sql: string, ...params: SqlValue[]): readonly Row[];
export function useLive<Row>(query: Asked<Row>, ...params: SqlValue[]): readonly Row[] {
  const client = useClient();
  // A query may be written inline: what it asks for is what it is.
  const key = askedKey(query, params);
  const source = typeof query === 'string' ? query : kindOf(query);
  const shown = useRef<Shown<Row>>(undefined);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` stands for the query and the parameters
  const live = useMemo(() => {
    const isSameQuery = shown.current?.client === client && shown.current.source === source;
    return lazily<Row>(() => startLive(client, query, params), isSameQuery ? shown.current?.rows : undefined);
  }, [client, key]);
  const result = useSyncExternalStore(live.subscribe, live.result, live.result);
  useEffect(() => live.keep(), [live]);
  useEffect(() => {
    if (!isError(result)) shown.current = { client, source, rows: result };
  }, [client, source, result]);
  if (isError(result)) throw result;
  return result;
}

/**
 * As `useLive`, for below a `<Suspense>`: waits there for the first result, and so has always one. In a transition, or
 * with a deferred value, the rows of the last query stay until those of the next are here.
 */
export function useLiveSuspense<Row>(query: Query<Row> | Sql<Row>): readonly Row[];
export function useLiveSuspense<Row = Record<string, SqlValue>>(sql: string, ...params: SqlValue[]): readonly Row[];
export function useLiveSuspense<Row>(query: Asked<Row>, ...params: SqlValue[]): readonly Row[] {
  const client = useClient();
  const shared = sharedLive<Row>(client, askedKey(query, params), () => startLive(client, query, params));
  const { live } = shared;
  if (!live.isReady && live.error === undefined) throw shared.first;
  const result = useSyncExternalStore(shared.subscribe, shared.result, shared.result);
  useEffect(() => shared.keep(), [shared]);
  if (isError(result)) throw result;
  return result;
}

/** Rows of queries of one kind are of one shape: those of one may stand in for those of the next for a moment. */
function kindOf<Row>(query: Query<Row> | Sql<Row>): string {
  if (isSql(query)) return sqlText(query).text;
  const { tables, result, select, groupBy } = specOf(query) ?? {};
  return JSON.stringify([tables, result, select, groupBy]);
}

/** What a hook has on the screen, and of which query. */
type Shown<Row> =
  | {
      readonly client: Client<ModuleExports>;
      readonly source: string;
      readonly rows: readonly Row[];
    }
  | undefined;

/** The functions that call the module's reducers. */
export function useReducers<M extends ModuleExports>(): Client<M>['reducers'] {
  return useClient<M>().reducers;
}

/** The function that calls one reducer. Throws `reducer-unknown` when there is none of that name. */
export function useReducer<M extends ModuleExports, R extends keyof ReducersOf<M> & string>(
  name: R,
): ReducerCall<ReducersOf<M>[R]> {
  const call = useClient<M>().reducers[name];
  if (call === undefined)
    throw new ForerunError(
      'reducer-unknown',
      `useReducer: the module exports no reducer '${name}' that clients may call.`,
    );
  return call;
}

/** `client.status`, kept up to date. */
export function useStatus(): ClientStatus {
  const client = useClient();
  return useSyncExternalStore(
    client.onStatus,
    () => client.status,
    () => client.status,
  );
}

/** `client.counters`, kept up to date. */
export function useCounters(): ClientCounters {
  const client = useClient();
  return useSyncExternalStore(
    client.onStatus,
    () => client.counters,
    () => client.counters,
  );
}

interface LazyLive<Row> {
  readonly subscribe: (listener: () => void) => () => void;
  /** The same object while nothing changes, which React asks of a snapshot. */
  readonly result: () => readonly Row[] | ForerunError;
  readonly keep: () => () => void;
}

const none: readonly never[] = [];

function isError(result: readonly unknown[] | ForerunError): result is ForerunError {
  return result instanceof ForerunError;
}

/** React may make and drop a memo without mounting: the query runs only while somebody subscribes. */
function lazily<Row>(start: () => LiveRows<Row>, before: readonly Row[] = none): LazyLive<Row> {
  let live: LiveRows<Row> | undefined;
  let users = 0;
  const enter = (): (() => void) => {
    users++;
    live ??= start();
    return () => {
      users--;
      // The last user may be replaced in the same tick (strict mode mounts twice).
      queueMicrotask(() => {
        if (users > 0) return;
        live?.close();
        live = undefined;
      });
    };
  };
  return {
    subscribe: (listener) => {
      const leave = enter();
      const stop = live?.subscribe(listener);
      return () => {
        stop?.();
        leave();
      };
    },
    result: () => live?.error ?? (live?.isReady === true ? live.rows : before),
    keep: enter,
  };
}
