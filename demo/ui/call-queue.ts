/**
 * Own calls that have not come to a good end: those under way, those kept on this device by an earlier page among them,
 * and the rejected ones until they are discarded.
 */

import type { CallHandle } from 'forerun/client';
import { useSyncExternalStore } from 'react';

export interface QueuedCall {
  readonly number: number;
  readonly reducer: string;
  /** Of the module's reducer of that name. */
  readonly args: unknown;
  /**
   * `stored`: it survives a reload. `failing`: the prediction says that the authority will reject it, for this reason.
   */
  readonly state: 'pending' | 'stored' | 'failing' | 'rejected';
  readonly reason: string | undefined;
  /** `ctx.timestamp` of the prediction, in microseconds. */
  readonly micros: number | undefined;
}

/** Follows a client's calls from the moment it is made: earlier pages' calls are told as soon as they are found. */
export class CallQueue {
  readonly #numbers = new Map<CallHandle, number>();
  readonly #listeners = new Set<() => void>();
  #calls: readonly QueuedCall[] = [];
  #lastNumber = 0;

  constructor(client: { readonly onCall: (listener: (handle: CallHandle) => void) => () => void }) {
    client.onCall((handle) => {
      if (handle.state === 'confirmed') this.#numbers.delete(handle);
      else if (!this.#numbers.has(handle)) this.#numbers.set(handle, ++this.#lastNumber);
      this.#tell();
    });
  }

  /** The same array while nothing changes, as React asks of a store. */
  get calls(): readonly QueuedCall[] {
    return this.#calls;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Forgets a rejected call. */
  discard(number: number): void {
    for (const [handle, known] of this.#numbers) if (known === number) this.#numbers.delete(handle);
    this.#tell();
  }

  #tell(): void {
    this.#calls = [...this.#numbers].map(([handle, number]) => described(number, handle));
    for (const listener of [...this.#listeners]) listener();
  }
}

export function useCallQueue(queue: CallQueue): readonly QueuedCall[] {
  return useSyncExternalStore(queue.subscribe, () => queue.calls);
}

function described(number: number, handle: CallHandle): QueuedCall {
  const { reducer, args, error, prediction, timestamp, state } = handle;
  const micros = timestamp === undefined ? undefined : Number(timestamp.microsSinceUnixEpoch);
  const common = { number, reducer, args, micros };
  if (error !== undefined) return { ...common, state: 'rejected', reason: error.message };
  if (prediction?.type === 'failing') return { ...common, state: 'failing', reason: prediction.rejection.message };
  return { ...common, state: state === 'stored' ? 'stored' : 'pending', reason: undefined };
}
