/**
 * Running one call: the same code predicts it in a browser and decides it on the authority.
 *
 * Law: `execute` is a function of the call and the rows. It leaves either all of the call's changes or none, and never
 * throws for anything that a reducer or its caller did.
 */

import { AssertionError } from '../assert.ts';
import type { Call, Rejection } from '../commit/call.ts';
import type { RowChange } from '../commit/row-change.ts';
import { ForerunError, SenderError } from '../errors.ts';
import { isAuthorityOnly } from '../module/authority-only.ts';
import type { AuthCtx, Random } from '../module/context.ts';
import type { ReducerDefinition } from '../module/definition.ts';
import type { ConnectionId } from '../value/connection-id.ts';
import type { Identity } from '../value/identity.ts';
import { Timestamp } from '../value/timestamp.ts';
import type { Uuid } from '../value/uuid.ts';
import { type CallRandom, callRandom } from './call-seed.ts';
import type { ReadSet } from './read-set.ts';
import type { Transaction } from './transaction.ts';

/** What a run did. `reads` is there when the engine records them. */
export type Execution =
  | { readonly type: 'committed'; readonly changes: readonly RowChange[]; readonly reads: ReadSet | undefined }
  | {
      readonly type: 'rejected';
      readonly rejection: Rejection;
      readonly cause: unknown;
      readonly reads: ReadSet | undefined;
    }
  /** It needs rows that this replica doesn't have; the authority decides unpredicted. */
  | { readonly type: 'unpredictable'; readonly reason: string; readonly reads: ReadSet | undefined };

/** Of a message in UTF-16 units: what is longer is cut off. */
const messageLengthMax = 65_536;

/** Codes of ours that a reducer may run into and that its caller is told as they are. */
const tellable: ReadonlySet<string> = new Set<Rejection['code']>([
  'args-invalid',
  'auto-inc-overflow',
  'call-too-late',
  'limit-reached',
  'nondeterministic',
  'reducer-async',
  'row-invalid',
  'row-missing',
  'unique-violation',
]);

export interface ContextBase {
  readonly db: object;
  databaseIdentity: Identity;
  readonly senderAuth: (call: Call) => AuthCtx;
  /** Mixed into the call's randomness; undefined for what a client may predict. */
  readonly secret: string | undefined;
}

/** `ctx`. Fields that most reducers don't use are made when first asked for. */
export class ReducerContext {
  readonly db: object;
  readonly sender: Identity;
  readonly #reads: ReadSet | undefined;
  readonly #call: Call;
  readonly #base: ContextBase;
  #timestamp: Timestamp | undefined;
  #random: CallRandom | undefined;

  constructor(call: Call, base: ContextBase, reads?: ReadSet) {
    this.db = base.db;
    this.sender = call.sender;
    this.#reads = reads;
    this.#call = call;
    this.#base = base;
  }

  get connectionId(): ConnectionId | null {
    if (this.#reads !== undefined) this.#reads.connection = true;
    return this.#call.connectionId;
  }

  get timestamp(): Timestamp {
    this.#timestamp ??= new Timestamp(BigInt(this.#call.timestampMicros));
    return this.#timestamp;
  }

  get random(): Random {
    return this.#chance().random;
  }

  get databaseIdentity(): Identity {
    return this.#base.databaseIdentity;
  }

  get identity(): Identity {
    return this.#base.databaseIdentity;
  }

  get senderAuth(): AuthCtx {
    return this.#base.senderAuth(this.#call);
  }

  get as(): object {
    return {};
  }

  newUuidV4(): Uuid {
    return this.#chance().newUuidV4();
  }

  newUuidV7(): Uuid {
    return this.#chance().newUuidV7();
  }

  #chance(): CallRandom {
    this.#random ??= callRandom(this.#call, this.#base.secret);
    return this.#random;
  }
}

/** Runs the reducer in an open transaction and ends the transaction either way. */
export function runReducer(
  reducer: ReducerDefinition,
  ctx: ReducerContext,
  args: unknown,
  transaction: Transaction,
): Execution {
  try {
    // The function was checked against these types where it was defined.
    const result = (reducer.run as (ctx: unknown, args: unknown) => unknown)(ctx, args);
    if (typeof result === 'object' && result !== null) refuseResult(reducer, result);
    if (transaction.unpredictable !== undefined) throw transaction.unpredictable;
    if (transaction.refusal !== undefined) throw transaction.refusal;
    return { type: 'committed', changes: transaction.commit(), reads: transaction.reads };
  } catch (thrown) {
    transaction.rollBack();
    const error = legible(thrown);
    if (error instanceof AssertionError) throw error;
    const { reads } = transaction;
    const unpredictable = transaction.unpredictable ?? (isAuthorityOnly(error) ? error : undefined);
    if (unpredictable !== undefined) return { type: 'unpredictable', reason: unpredictable.message, reads };
    const cause = transaction.refusal ?? error;
    return { type: 'rejected', rejection: rejectionOf(reducer, cause), cause, reads };
  }
}

/** What a reducer threw, or an error in its place when looking at it throws again: a proxy, or a message that does. */
function legible(thrown: unknown): unknown {
  try {
    if (thrown instanceof AssertionError || isAuthorityOnly(thrown)) return thrown;
    if (SenderError.is(thrown)) void thrown.message;
    return thrown;
  } catch {
    return new Error('The reducer threw an object that throws when it is looked at.');
  }
}

function refuseResult(reducer: ReducerDefinition, result: object): void {
  if ('then' in result && typeof result.then === 'function') {
    ignoreRejection(result.then, result);
    throw new ForerunError(
      'reducer-async',
      `The reducer '${reducer.name}' is async; a reducer must be done when it returns. Remove async and await.`,
    );
  }
  if ('tag' in result && result.tag === 'err') throw new SenderError(String((result as { value?: unknown }).value));
}

/** Without the global Promise, which the guard may have taken away. */
function ignoreRejection(then: Function, promise: object): void {
  const ignore = (): void => {};
  try {
    then.call(promise, ignore, ignore);
  } catch {
    // Of a thenable that is none; the reducer is refused in any case.
  }
}

function rejectionOf(reducer: ReducerDefinition, error: unknown): Rejection {
  if (SenderError.is(error)) return { code: 'call-rejected', message: tellableText(error.message) };
  if (error instanceof ForerunError && tellable.has(error.code))
    return { code: error.code as Rejection['code'], message: tellableText(error.message) };
  return {
    code: 'reducer-threw',
    message: `The reducer '${reducer.name}' failed. Its error is in the diagnostics of the authority.`,
  };
}

/** As the log and the wire can carry it, whatever the reducer made it of. */
function tellableText(message: unknown): string {
  return typeof message === 'string' ? message.slice(0, messageLengthMax).toWellFormed() : '';
}
