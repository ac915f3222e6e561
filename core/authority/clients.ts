/**
 * What the authority knows of each client replica: who it is, how far its calls have come, and what came of those whose
 * outcome it may not have heard yet.
 *
 * Law: `lastCallId` and the outcomes change only together with the call's own effects and are logged in one batch with
 * them; that is what makes each call take effect exactly once, whatever is lost, repeated or restarted.
 */

import { assert } from '../assert.ts';
import {
  type CallId,
  type ClientId,
  clientIdFromBytes,
  databaseClientId,
  type Outcome,
  type Rejection,
  type Seq,
} from '../commit/call.ts';
import { ForerunError } from '../errors.ts';
import { limits } from '../limits.ts';
import { Identity } from '../value/identity.ts';

/** What came of a call: the seq of its commit, 0 for no change (or `unlogged`), or why it was refused. */
export type Settled = number | Rejection;

/** It changed no ordinary row, and no record says so. */
export const unlogged = -1;

export class ClientRecord {
  readonly clientNo: number;
  readonly clientId: ClientId;
  readonly identity: Identity;
  lastCallId = 0;
  lastTimestampMicros = 0;
  /** Outcomes of the calls after `#settledBefore`, by position; a hole where the client skipped a number. */
  #outcomes: (Settled | undefined)[] = [];
  #settledBefore = 0;
  /** Up to this call the client never asks again. */
  #askedBefore = 0;

  constructor(clientNo: number, clientId: ClientId, identity: Identity) {
    this.clientNo = clientNo;
    this.clientId = clientId;
    this.identity = identity;
  }

  /** Outcomes that are kept because the client has not acknowledged them. */
  get unacknowledged(): number {
    return this.#outcomes.length;
  }

  /** Outcomes up to this call are kept no longer. */
  get settledBefore(): number {
    return this.#settledBefore;
  }

  settle(callId: number, settled: Settled): void {
    assert(callId > this.lastCallId, 'calls of a client settle in order');
    this.lastCallId = callId;
    if (this.#outcomes.length === 0) this.#settledBefore = callId - 1;
    if (callId - this.#settledBefore > 2 * limits.pendingCallsMax) {
      this.#forget(callId - this.#settledBefore - limits.pendingCallsMax);
      this.#askedBefore = Math.max(this.#askedBefore, this.#settledBefore);
    }
    this.#outcomes[callId - this.#settledBefore - 1] = settled;
  }

  /** As read from the log. */
  settleCommit({ callId, seq, timestampMicros }: { callId: number; seq: Seq; timestampMicros: number }): void {
    this.settle(callId, seq);
    this.lastTimestampMicros = Math.max(this.lastTimestampMicros, timestampMicros);
  }

  /** Forgets the newest outcome again: its batch could not be made durable. */
  unsettle(callId: number, previousCallId: number): void {
    assert(this.lastCallId === callId, 'the last outcome is taken back first');
    this.lastCallId = previousCallId;
    this.#outcomes.length = Math.max(0, previousCallId - this.#settledBefore);
  }

  /** Undefined when it never ran, or is kept no longer. */
  outcome(callId: CallId): Outcome | undefined {
    const settled = this.#outcomes[callId - this.#settledBefore - 1];
    return settled === undefined ? undefined : outcomeOf(callId, settled);
  }

  /** Those of the calls after this one that are kept. */
  outcomesAfter(callId: CallId): Outcome[] {
    const outcomes: Outcome[] = [];
    for (let each = Math.max(callId, this.#settledBefore) + 1; each <= this.lastCallId; each++) {
      const outcome = this.outcome(each as CallId);
      if (outcome !== undefined) outcomes.push(outcome);
    }
    return outcomes;
  }

  /**
   * Of a call that is not later than the last one. One whose outcome is missing though the client has not acknowledged it
   * ran before a restart and was not logged.
   */
  outcomeOfPast(callId: CallId): Outcome {
    const known = this.outcome(callId);
    if (known !== undefined) return known;
    if (callId > this.#askedBefore) return { type: 'unchanged', callId };
    const message = `Call ${callId} ran before, and its outcome is kept no longer.`;
    return { type: 'rejected', callId, rejection: { code: 'call-too-late', message } };
  }

  /** The client has every outcome up to this call. Gives whether one that the log has was still kept. */
  acknowledge(callId: number): boolean {
    const last = Math.min(callId, this.lastCallId);
    this.#askedBefore = Math.max(this.#askedBefore, last);
    const known = last - this.#settledBefore;
    if (known <= 0) return false;
    const isLogged = this.#outcomes.slice(0, known).some((settled) => settled !== undefined && settled !== unlogged);
    this.#forget(known);
    return isLogged;
  }

  /** What a checkpoint keeps of it. */
  snapshot(): ClientSnapshot {
    const outcomes: [number, Settled][] = [];
    for (const [i, settled] of this.#outcomes.entries())
      if (settled !== undefined) outcomes.push([this.#settledBefore + 1 + i, settled]);
    return {
      clientNo: this.clientNo,
      clientId: this.clientId,
      identity: this.identity.__identity__,
      lastCallId: this.lastCallId,
      lastTimestampMicros: this.lastTimestampMicros,
      outcomes,
    };
  }

  static restore(snapshot: ClientSnapshot): ClientRecord {
    const record = new ClientRecord(snapshot.clientNo, snapshot.clientId, new Identity(snapshot.identity));
    for (const [callId, settled] of snapshot.outcomes) record.settle(callId, settled);
    record.lastCallId = snapshot.lastCallId;
    record.lastTimestampMicros = snapshot.lastTimestampMicros;
    return record;
  }

  /** A client has at most `pendingCallsMax` calls whose outcome it lacks, so older ones are never asked for. */
  #forget(count: number): void {
    this.#outcomes.splice(0, count);
    this.#settledBefore += count;
  }
}

export interface ClientSnapshot {
  readonly clientNo: number;
  readonly clientId: ClientId;
  readonly identity: bigint;
  readonly lastCallId: number;
  readonly lastTimestampMicros: number;
  readonly outcomes: readonly (readonly [callId: number, Settled])[];
}

/** All clients of a database. Number 0 is the database itself. */
export class Clients {
  readonly database: ClientRecord;
  readonly #byId = new Map<ClientId, ClientRecord>();
  readonly #byNo: ClientRecord[] = [];

  constructor(databaseIdentity: Identity) {
    this.database = new ClientRecord(0, databaseClientId, databaseIdentity);
    this.#byNo.push(this.database);
    this.#byId.set(databaseClientId, this.database);
  }

  /** Throws `token-invalid` when the client belongs to someone else: its calls would be answered to a stranger. */
  find(clientId: ClientId, identity: Identity): ClientRecord | undefined {
    const record = this.#byId.get(clientId);
    if (record === this.database || record?.identity.isEqual(identity) === false) {
      throw new ForerunError(
        'token-invalid',
        'This client id belongs to another identity. Connect with the token it was first used with, or with a new client id.',
      );
    }
    return record;
  }

  add(clientId: ClientId, identity: Identity): ClientRecord {
    const record = new ClientRecord(this.#byNo.length, clientId, identity);
    this.#put(record);
    return record;
  }

  /** As read from the log. */
  register(clientNo: number, clientId: Uint8Array, identity: bigint): void {
    if (this.#byNo[clientNo] === undefined)
      this.#put(new ClientRecord(clientNo, clientIdFromBytes(clientId), new Identity(identity)));
  }

  restore(snapshots: readonly ClientSnapshot[]): void {
    for (const snapshot of snapshots) {
      const record = ClientRecord.restore(snapshot);
      if (record.clientNo === 0) {
        this.database.lastCallId = record.lastCallId;
        this.database.lastTimestampMicros = record.lastTimestampMicros;
      } else this.#put(record);
    }
  }

  byNo(clientNo: number): ClientRecord {
    const record = this.#byNo[clientNo];
    if (record === undefined)
      throw new ForerunError(
        'database-corrupt',
        `The log names client number ${clientNo} before it introduces it. Restore a backup with: forerun restore.`,
      );
    return record;
  }

  snapshot(): ClientSnapshot[] {
    return this.#byNo.map((record) => record.snapshot());
  }

  #put(record: ClientRecord): void {
    this.#byNo[record.clientNo] = record;
    this.#byId.set(record.clientId, record);
  }
}

export function outcomeOf(callId: CallId, settled: Settled): Outcome {
  if (typeof settled !== 'number') return { type: 'rejected', callId, rejection: settled };
  return settled <= 0 ? { type: 'unchanged', callId } : { type: 'committed', callId, seq: settled as Seq };
}
