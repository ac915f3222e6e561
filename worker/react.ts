/**
 * `forerun/react`: a client in a React tree.
 *
 *     <ForerunProvider client={client}> … </ForerunProvider>
 *     const messages = useLive<Message>('SELECT * FROM message ORDER BY sent');
 *     const send = useReducer<typeof chat, 'sendMessage'>('sendMessage');
 */

import {
  createContext,
  createElement,
  type ReactElement,
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useSyncExternalStore,
} from 'react';
import type { SqlValue } from '../core/engine/sql-value.ts';
import { ForerunError } from '../core/errors.ts';
import type { ModuleExports, ReducersOf } from '../core/module/module.ts';
import type { Client, ReducerCall } from './client/client.ts';
import type { ClientStatus } from './client/host-api.ts';
import type { TableHandle } from './client/table-handle.ts';

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
 * memoised components of rows don't render. Throws `query-invalid` while rendering, for an error boundary.
 */
export function useLive<Row>(table: TableHandle<Row>): readonly Row[];
export function useLive<Row = Record<string, SqlValue>>(sql: string, ...params: SqlValue[]): readonly Row[];
export function useLive<Row>(source: TableHandle<Row> | string, ...params: SqlValue[]): readonly Row[] {
  const client = useClient();
  const key = JSON.stringify(
    params.map((value) => (typeof value === 'bigint' ? `${value}n` : value instanceof Uint8Array ? [...value] : value)),
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` stands for the parameters
  const live = useMemo(
    () => lazily(() => (typeof source === 'string' ? client.live<Row>(source, ...params) : client.live(source))),
    [client, source, key],
  );
  const rows = useSyncExternalStore(live.subscribe, live.rows, live.rows);
  useEffect(() => live.keep(), [live]);
  const error = live.error();
  if (error !== undefined) throw error;
  return rows as readonly Row[];
}

/** The function that calls a reducer. */
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

interface LazyLive<Row> {
  readonly subscribe: (listener: () => void) => () => void;
  readonly rows: () => readonly Row[];
  readonly error: () => ForerunError | undefined;
  readonly keep: () => () => void;
}

const none: readonly never[] = [];

/** React may make and drop a memo without mounting: the query runs only while somebody subscribes. */
function lazily<Row>(start: () => ReturnType<Client<ModuleExports>['live']>): LazyLive<Row> {
  let live: ReturnType<typeof start> | undefined;
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
    rows: () => (live?.rows ?? none) as readonly Row[],
    error: () => live?.error,
    keep: enter,
  };
}
