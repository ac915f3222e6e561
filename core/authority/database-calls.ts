/**
 * Calls that the database makes itself: lifecycle hooks, and reducers of scheduled tables when a row is due.
 *
 * Laws: they are calls like any others, in order and in the log, with the database as their client. But nobody waits for
 * their outcome, so one that changes no row leaves no record, and its number is given to the next: a tick that finds
 * nothing to do costs the log nothing, however long it goes on.
 */

import type { Call, CallId, Rejection } from '../commit/call.ts';
import type { RowChange } from '../commit/row-change.ts';
import type { Execution } from '../engine/execute.ts';
import type { Lifecycle, ModuleDefinition, ReducerDefinition } from '../module/definition.ts';
import type { ConnectionId } from '../value/connection-id.ts';
import type { Identity } from '../value/identity.ts';
import { admit } from './admission.ts';
import type { ClientRecord } from './clients.ts';

export interface DatabaseCallsHome {
  /** Whose reducers run now. */
  readonly definition: () => ModuleDefinition;
  readonly database: ClientRecord;
  readonly nowMicros: () => number;
  readonly execute: (call: Call, reducer: ReducerDefinition) => Execution;
  /** Takes these changes, which are in the engine, as the call's commit. */
  readonly commit: (call: Call, changes: readonly RowChange[]) => void;
  readonly threw: (reducer: string, error: unknown) => void;
}

export interface DatabaseCall {
  readonly reducer: ReducerDefinition;
  readonly args: unknown;
  readonly sender: Identity;
  readonly connectionId: ConnectionId | null;
  /** What else belongs to the commit of this call, given what it did; applies that to the engine itself. */
  readonly complete?: (changes: readonly RowChange[]) => readonly RowChange[];
}

/** A reducer that fails sixty times a second is told of once in so long. */
const sameFailureMs = 10_000;

export class DatabaseCalls {
  readonly #home: DatabaseCallsHome;
  readonly #toldMicros = new Map<number, number>();

  constructor(home: DatabaseCallsHome) {
    this.#home = home;
  }

  lifecycle(lifecycle: Lifecycle): ReducerDefinition | undefined {
    return this.#home.definition().reducers.find((reducer) => reducer.lifecycle === lifecycle);
  }

  /** Gives why the module refused, if it did. */
  runLifecycle(lifecycle: Lifecycle, sender: Identity, connectionId: ConnectionId | null): Rejection | undefined {
    const reducer = this.lifecycle(lifecycle);
    return reducer === undefined ? undefined : this.run({ reducer, args: {}, sender, connectionId });
  }

  /** Gives why the call was rejected, if it was: then it left no trace. */
  run({ reducer, args, sender, connectionId, complete }: DatabaseCall): Rejection | undefined {
    const call = this.#call(reducer.reducerId, args, sender, connectionId);
    const execution = this.#home.execute(call, reducer);
    if (execution.type === 'unpredictable') return undefined;
    if (execution.type === 'rejected') {
      const { rejection, cause } = execution;
      // A client is told why its call was refused; of a scheduled one nobody else hears.
      if (rejection.code === 'reducer-threw' || reducer.scheduledTableId !== undefined) this.#tell(reducer, cause);
      return rejection;
    }
    const changes = complete === undefined ? execution.changes : complete(execution.changes);
    if (changes.length > 0) this.#commit(call, changes);
    return undefined;
  }

  /** Changes that no reducer makes, as a commit of this reducer's. */
  change({ reducerId }: ReducerDefinition, sender: Identity, changes: readonly RowChange[]): void {
    this.#commit(this.#call(reducerId, undefined, sender, null), changes);
  }

  /** Its commit was refused: nobody else hears of that. */
  failed(reducerId: number, error: unknown): void {
    const reducer = this.#home.definition().reducers.find((each) => each.reducerId === reducerId);
    if (reducer !== undefined) this.#tell(reducer, error);
  }

  #call(reducerId: number, args: unknown, sender: Identity, connectionId: ConnectionId | null): Call {
    const { database, nowMicros } = this.#home;
    const now = nowMicros();
    const timestampMicros = admit(database, now, now, 0);
    return {
      clientId: database.clientId,
      callId: (database.lastCallId + 1) as CallId,
      reducerId,
      args,
      timestampMicros,
      proposedMicros: timestampMicros,
      sender,
      connectionId,
      idHints: [],
    };
  }

  #commit(call: Call, changes: readonly RowChange[]): void {
    this.#home.commit(call, changes);
    // Nobody asks for the outcome.
    this.#home.database.acknowledge(call.callId);
  }

  #tell({ reducerId, name }: ReducerDefinition, cause: unknown): void {
    const now = this.#home.nowMicros();
    const toldMicros = this.#toldMicros.get(reducerId);
    if (toldMicros !== undefined && now - toldMicros < sameFailureMs * 1_000) return;
    this.#toldMicros.set(reducerId, now);
    this.#home.threw(name, cause);
  }
}
