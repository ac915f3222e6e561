/** Own calls that have not come to a good end: those under way, and the rejected ones until they are dismissed. */

import type { CallHandle } from 'forerun/client';
import { useClient } from 'forerun/react';
import { useMemo, useSyncExternalStore } from 'react';

export interface OwnCall<Subject> {
  readonly number: number;
  /** What the app remembers of it. */
  readonly subject: Subject;
  /** `failing`: the prediction says that the authority will reject it, for this reason. */
  readonly state: 'pending' | 'failing' | 'rejected';
  readonly reason: string | undefined;
  /** `ctx.timestamp` of the prediction, in microseconds. */
  readonly micros: number | undefined;
}

export interface OwnCalls<Subject> {
  readonly calls: readonly OwnCall<Subject>[];
  readonly follow: (subject: Subject, handle: CallHandle) => void;
  readonly dismiss: (number: number) => void;
}

/** A store, as live queries are: so a row and the state of the call that wrote it are rendered together. */
export function useCalls<Subject>(): OwnCalls<Subject> {
  const client = useClient();
  const store = useMemo(() => callStore<Subject>(client.onCall), [client]);
  const calls = useSyncExternalStore(store.subscribe, store.calls);
  return { calls, follow: store.follow, dismiss: store.dismiss };
}

interface CallStore<Subject> extends Pick<OwnCalls<Subject>, 'follow' | 'dismiss'> {
  readonly subscribe: (listener: () => void) => () => void;
  readonly calls: () => readonly OwnCall<Subject>[];
}

function callStore<Subject>(onCall: (listener: (handle: CallHandle) => void) => () => void): CallStore<Subject> {
  const followed = new Map<CallHandle, { readonly number: number; readonly subject: Subject }>();
  const listeners = new Set<() => void>();
  let calls: readonly OwnCall<Subject>[] = [];
  let lastNumber = 0;
  const update = (): void => {
    for (const handle of followed.keys()) if (handle.state === 'confirmed') followed.delete(handle);
    calls = [...followed].map(([handle, { number, subject }]) => described(number, subject, handle));
    for (const listener of [...listeners]) listener();
  };
  return {
    subscribe: (listener) => {
      listeners.add(listener);
      const stop = onCall((handle) => {
        if (followed.has(handle)) update();
      });
      return () => {
        stop();
        listeners.delete(listener);
      };
    },
    calls: () => calls,
    follow: (subject, handle) => {
      followed.set(handle, { number: ++lastNumber, subject });
      update();
    },
    dismiss: (number) => {
      for (const [handle, call] of followed) if (call.number === number) followed.delete(handle);
      update();
    },
  };
}

function described<Subject>(number: number, subject: Subject, handle: CallHandle): OwnCall<Subject> {
  const { error, prediction, timestamp } = handle;
  const micros = timestamp === undefined ? undefined : Number(timestamp.microsSinceUnixEpoch);
  const common = { number, subject, micros };
  if (error !== undefined) return { ...common, state: 'rejected', reason: error.message };
  if (prediction?.type === 'failing') return { ...common, state: 'failing', reason: prediction.rejection.message };
  return { ...common, state: 'pending', reason: undefined };
}
