/**
 * What a reducer is given as `ctx`, as types. The engine makes it, anew for each call.
 *
 * Law: everything here is decided by the call (its id, its timestamp, its sender) and the rows, so that a prediction and
 * the authority see the same. Only `timestamp` may be another one at the authority, when a client's is not plausible.
 */

import type { ConnectionId } from '../value/connection-id.ts';
import type { Identity } from '../value/identity.ts';
import type { Timestamp } from '../value/timestamp.ts';
import type { Uuid } from '../value/uuid.ts';
import type { DbView, Tables } from './table-view.ts';

export interface ReducerCtx<S extends Tables> {
  /** On whose behalf the call runs. */
  readonly sender: Identity;
  readonly senderAuth: AuthCtx;
  /** Null when the database itself calls: `init`, scheduled reducers. */
  readonly connectionId: ConnectionId | null;
  /** When the call was made. The same wherever it runs. */
  readonly timestamp: Timestamp;
  readonly databaseIdentity: Identity;
  /** @deprecated Use `databaseIdentity`. */
  readonly identity: Identity;
  readonly db: DbView<S>;
  readonly random: Random;
  newUuidV4(): Uuid;
  /** Ordered by the time that the call's client said it was: `timestamp`, unless the authority has set another one. */
  newUuidV7(): Uuid;
  /** The contexts of submodules; empty while a schema has none. */
  readonly as: Readonly<Record<never, never>>;
}

/** How the sender proved who it is. */
export interface AuthCtx {
  /** The database itself is the sender. */
  readonly isInternal: boolean;
  readonly hasJWT: boolean;
  /** Null when `hasJWT` is false. */
  readonly jwt: JwtClaims | null;
}

export interface JwtClaims {
  /** `sub` */
  readonly subject: string;
  /** `iss` */
  readonly issuer: string;
  /** `aud`, always a list. */
  readonly audience: readonly string[];
  /** Made of `iss` and `sub`. */
  readonly identity: Identity;
  readonly fullPayload: JsonObject;
  /** As it was signed. */
  readonly rawPayload: string;
}

export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;

export interface JsonObject {
  [key: string]: JsonValue;
}

/**
 * Chance that comes out the same wherever the call runs. With `predict: false` on the reducer no client can foresee it.
 *
 *     const heads = ctx.random() < 0.5;
 *     const die = ctx.random.integerInRange(1, 6);
 */
export interface Random {
  /** From 0 up to but without 1, with 53 random bits. */
  (): number;
  /** Fills an array of integers in place, and returns it. */
  fill<A extends IntegerArray>(array: A): A;
  /** From 0 to 2^32 - 1. */
  uint32(): number;
  /** Both ends included. */
  integerInRange(min: number, max: number): number;
  /** Both ends included. */
  bigintInRange(min: bigint, max: bigint): bigint;
}

export type IntegerArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;
