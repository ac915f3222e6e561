/**
 * Connections whose `clientDisconnected` is still to run, as executed and as durable.
 *
 * Law: what is durable has begun and not ended in the log. So whatever stops the authority or its log, those are the
 * connections that must be ended afterwards: each once, and none that was never seen to begin.
 */

import { Identity } from '../value/identity.ts';
import type { OpenBatch } from './batch.ts';

export class Connections {
  readonly #executed = new Map<bigint, Identity>();
  readonly #durable = new Map<bigint, Identity>();

  /** From a stop on: those that the log has, all of them to be ended. */
  restore(recovered: Iterable<readonly [connectionId: bigint, identity: bigint]>): void {
    for (const [connectionId, identity] of recovered) this.#durable.set(connectionId, new Identity(identity));
  }

  begin(batch: OpenBatch, connectionId: bigint, identity: Identity): void {
    this.#executed.set(connectionId, identity);
    batch.connected(connectionId, identity);
  }

  end(batch: OpenBatch, connectionId: bigint): void {
    this.#executed.delete(connectionId);
    batch.disconnected(connectionId);
  }

  /** Undefined for one that never began, or has ended. */
  find(connectionId: bigint): Identity | undefined {
    return this.#executed.get(connectionId);
  }

  durable({ connections }: OpenBatch): void {
    for (const { connectionId, identity } of connections) {
      if (identity === undefined) this.#durable.delete(connectionId);
      else this.#durable.set(connectionId, identity);
    }
  }

  /** A connection does not outlive a failure of the log. */
  lost(): void {
    this.#executed.clear();
  }

  /** Those that are there no more, and for which the log knows no end. */
  leftOver(): [connectionId: bigint, identity: Identity][] {
    return [...this.#durable].filter(([connectionId]) => !this.#executed.has(connectionId));
  }

  snapshot(): [connectionId: bigint, identity: bigint][] {
    return [...this.#executed].map(([connectionId, identity]) => [connectionId, identity.__identity__]);
  }
}
