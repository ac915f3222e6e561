/**
 * Calls over HTTP: each one on a connection of its own, which begins and ends with it, as SpacetimeDB has it.
 *
 * Law: a call goes the way of every other, through `clientConnected`, the order and the log, and is answered when it is
 * durable. An identity has one client here, however often it calls.
 */

import type { Authority } from '../../core/authority/authority.ts';
import type { Seq } from '../../core/commit/call.ts';
import type { Environment } from '../../core/environment.ts';
import type { ConnectionId } from '../../core/value/connection-id.ts';
import type { Identity } from '../../core/value/identity.ts';
import { OwnCalls } from '../own-calls.ts';

export interface CallersOptions {
  readonly authority: Authority;
  readonly environment: Environment;
  readonly newConnectionId: () => ConnectionId;
}

/** Who has not called for longest is forgotten: calling again makes a client anew. */
const callersMax = 1_000;

export class Callers {
  readonly #options: CallersOptions;
  /** The one that called last is last. */
  readonly #callers = new Map<string, { readonly calls: OwnCalls; underWay: number }>();

  constructor(options: CallersOptions) {
    this.#options = options;
  }

  /** Resolves with the commit's seq, or undefined when nothing changed; rejects as a client's call does. */
  async call(identity: Identity, reducer: string, args: unknown): Promise<Seq | undefined> {
    const { authority, newConnectionId } = this.#options;
    const connectionId = newConnectionId();
    await authority.connect(connectionId, identity);
    const caller = this.#caller(identity);
    caller.underWay++;
    try {
      return await caller.calls.call(reducer, args, connectionId);
    } finally {
      caller.underWay--;
      authority.disconnect(connectionId);
    }
  }

  close(): void {
    for (const { calls } of this.#callers.values()) calls.close();
    this.#callers.clear();
  }

  #caller(identity: Identity): { readonly calls: OwnCalls; underWay: number } {
    const key = identity.toHexString();
    const { authority, environment } = this.#options;
    const caller = this.#callers.get(key) ?? { calls: new OwnCalls(authority, environment, identity), underWay: 0 };
    this.#callers.delete(key);
    this.#callers.set(key, caller);
    for (const [oldest, { calls, underWay }] of this.#callers) {
      if (this.#callers.size <= callersMax) break;
      if (underWay > 0) continue;
      calls.close();
      this.#callers.delete(oldest);
    }
    return caller;
  }
}
