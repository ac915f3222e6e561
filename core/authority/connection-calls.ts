/**
 * How a connection begins and ends: its hooks, which are in one batch with the record of it, and its ephemeral rows.
 *
 * Law: whatever stops the authority after a hook, the log knows the connection, and `clientDisconnected` runs for it once.
 */

import { ForerunError } from '../errors.ts';
import { ConnectionId } from '../value/connection-id.ts';
import type { Identity } from '../value/identity.ts';
import type { Connections } from './connections.ts';
import type { DatabaseCalls } from './database-calls.ts';
import type { EphemeralRows } from './ephemeral.ts';
import type { Pipeline } from './pipeline.ts';

export interface ConnectionCallsParts {
  readonly connections: Connections;
  readonly calls: DatabaseCalls;
  readonly ephemeral: EphemeralRows;
  readonly pipeline: Pipeline;
}

export class ConnectionCalls {
  readonly #parts: ConnectionCallsParts;

  constructor(parts: ConnectionCallsParts) {
    this.#parts = parts;
  }

  /** Resolves when `clientConnected` is durable, rejects with `connection-refused` when the module refuses. */
  async begin(connectionId: ConnectionId, identity: Identity): Promise<void> {
    const { connections, calls, pipeline } = this.#parts;
    const hasHooks =
      calls.lifecycle('clientConnected') !== undefined || calls.lifecycle('clientDisconnected') !== undefined;
    if (!hasHooks) return;
    connections.begin(pipeline.open, connectionId.__connection_id__, identity);
    pipeline.askFlush();
    const rejection = calls.runLifecycle('clientConnected', identity, connectionId);
    if (rejection !== undefined) this.#forget(connectionId.__connection_id__);
    await pipeline.settled();
    if (rejection !== undefined)
      throw new ForerunError('connection-refused', `The module refused the connection: ${rejection.message}`);
  }

  /** Runs `clientDisconnected`, whose failure changes nothing, and then deletes the connection's ephemeral rows. */
  end({ __connection_id__: id }: ConnectionId): void {
    const { connections, ephemeral, pipeline } = this.#parts;
    const identity = connections.find(id);
    if (identity !== undefined) this.#end(id, identity);
    const changes = ephemeral.end(id);
    if (changes.length === 0) return;
    pipeline.open.ephemeral.push({ client: undefined, callId: undefined, changes });
    pipeline.askFlush();
  }

  /** Those whose end the log does not know: of before a restart, or a failure of the log. */
  endLost(): void {
    for (const [connectionId, identity] of this.#parts.connections.leftOver()) this.#end(connectionId, identity);
  }

  #end(connectionId: bigint, identity: Identity): void {
    this.#forget(connectionId);
    this.#parts.calls.runLifecycle('clientDisconnected', identity, new ConnectionId(connectionId));
  }

  #forget(connectionId: bigint): void {
    const { connections, pipeline } = this.#parts;
    connections.end(pipeline.open, connectionId);
    pipeline.askFlush();
  }
}
