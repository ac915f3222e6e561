/**
 * Calls which the process that has the authority makes itself, as the database: to fill tables, to repair them, to do
 * what no client may. In them `ctx.senderAuth.isInternal` is true and `ctx.sender` is `ctx.databaseIdentity`.
 *
 * Law: such a call goes the way of every other, through the order and the log; its promise resolves when it is durable.
 */

import type { Authority } from '../core/authority/authority.ts';
import type { ClientRecord } from '../core/authority/clients.ts';
import { type Canonical, compileCanonical } from '../core/codec/canonical.ts';
import { type CallId, clientIdFromBytes, type Outcome, type Seq } from '../core/commit/call.ts';
import type { Environment } from '../core/environment.ts';
import { ForerunError, SenderError } from '../core/errors.ts';
import type { ReducerDefinition } from '../core/module/definition.ts';
import type { ModuleExports, ReducersOf } from '../core/module/module.ts';
import type { ConnectionId } from '../core/value/connection-id.ts';
import type { Identity } from '../core/value/identity.ts';

/** The module's reducers, by export name. Each resolves with the seq of its commit, or undefined when nothing changed. */
export type OwnReducers<M extends ModuleExports> = {
  readonly [R in keyof ReducersOf<M>]: (args: ReducersOf<M>[R]) => Promise<Seq | undefined>;
};

interface Waiting {
  readonly resolve: (seq: Seq | undefined) => void;
  readonly reject: (error: Error) => void;
}

export class OwnCalls {
  readonly #authority: Authority;
  readonly #environment: Environment;
  readonly #client: ClientRecord;
  readonly #canonicals = new Map<number, Canonical>();
  readonly #waiting = new Map<CallId, Waiting>();
  readonly #stop: () => void;
  #lastCallId = 0;
  #isClosed = false;

  /** `identity` is on whose behalf it calls; absent: as the database. */
  constructor(authority: Authority, environment: Environment, identity: Identity = authority.databaseIdentity) {
    this.#authority = authority;
    this.#environment = environment;
    const clientId = clientIdFromBytes(environment.entropy.fill(new Uint8Array(16)));
    this.#client = authority.client(clientId, identity);
    this.#stop = authority.listen({
      durable: ({ calls }) => {
        for (const outcome of calls.outcomesOf(this.#client)) this.#settle(outcome);
      },
      unavailable: (error) => this.#rejectAll(error),
    });
  }

  /** Rejects with `SenderError` or a `ForerunError`, as on a client; `log-unavailable` and `client-closed` among them. */
  call(reducer: string, args: unknown, connectionId: ConnectionId | null = null): Promise<Seq | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) throw closed();
      const definition = this.#authority.definition.reducers.find(({ accessor }) => accessor === reducer);
      if (definition === undefined)
        throw new ForerunError('reducer-unknown', `The module exports no reducer '${reducer}'.`);
      const value = this.#canonical(definition)(args, reducer);
      const callId = ++this.#lastCallId as CallId;
      this.#waiting.set(callId, { resolve, reject });
      this.#authority.call(this.#client, {
        callId,
        reducerId: definition.reducerId,
        timestampMicros: Math.floor(this.#environment.clock.now() * 1000),
        args: { value },
        connectionId,
        idHints: [],
      });
    });
  }

  /** Calls that wait are rejected with `client-closed`, and so are later ones. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stop();
    this.#rejectAll(closed());
  }

  #canonical({ reducerId, params }: ReducerDefinition): Canonical {
    let canonical = this.#canonicals.get(reducerId);
    if (canonical === undefined)
      this.#canonicals.set(reducerId, (canonical = compileCanonical(params, 'args-invalid')));
    return canonical;
  }

  #settle(outcome: Outcome): void {
    const waiting = this.#waiting.get(outcome.callId);
    this.#waiting.delete(outcome.callId);
    this.#authority.acknowledge(this.#client, outcome.callId);
    if (outcome.type !== 'rejected') waiting?.resolve(outcome.type === 'committed' ? outcome.seq : undefined);
    else if (outcome.rejection.code === 'call-rejected') waiting?.reject(new SenderError(outcome.rejection.message));
    else waiting?.reject(new ForerunError(outcome.rejection.code, outcome.rejection.message));
  }

  #rejectAll(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

function closed(): ForerunError {
  return new ForerunError('client-closed', 'The database is closed. Serve it again to call its reducers.');
}
