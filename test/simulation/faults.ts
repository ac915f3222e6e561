/**
 * Deliberate mistakes, each in one place of the system, put in for the length of a test: what the simulator must find.
 * A safety net that has never caught anything is a hope.
 */

import { Authority } from '../../core/authority/authority.ts';
import { OpenBatch } from '../../core/authority/batch.ts';
import { ClientRecord } from '../../core/authority/clients.ts';
import { Connections } from '../../core/authority/connections.ts';
import { IdLeases } from '../../core/authority/id-lease.ts';
import type { Position, Seq } from '../../core/commit/call.ts';
import type { Log } from '../../core/commit/log.ts';
import { NetChanges } from '../../core/commit/row-change.ts';
import { ReadSet } from '../../core/engine/read-set.ts';
import { Transaction } from '../../core/engine/transaction.ts';
import { SessionHub } from '../../core/session/hub.ts';
import { Connection } from '../../worker/connection/connection.ts';
import { Device } from '../../worker/device.ts';
import { OwnCalls } from '../../worker/own-calls.ts';
import { DelayLine } from '../../worker/connection/delay-line.ts';
import { LiveQueries } from '../../worker/live/live-query.ts';
import { AppChanges } from '../../worker/predict/app-changes.ts';
import { PendingCalls } from '../../worker/predict/pending.ts';
import { Predictor } from '../../worker/predict/predictor.ts';
import { SetIndex } from '../../worker/predict/set-index.ts';
import { Disk } from './disk.ts';
import { shapeOf } from './mirror.ts';

export interface Fault {
  readonly name: string;
  /** Makes the mistake; the result puts it right again. */
  readonly make: () => () => void;
}

/** Replaces a method; `original` is the one that was there. */
function fault<T extends object, K extends keyof T>(
  name: string,
  holder: T,
  method: K,
  mistake: (original: T[K]) => T[K],
): Fault {
  return {
    name,
    make: () => {
      const original = holder[method];
      holder[method] = mistake(original);
      return () => {
        holder[method] = original;
      };
    },
  };
}

let passed = 0;

export const faults: readonly Fault[] = [
  fault('ranges that a call read are not checked', ReadSet.prototype, 'addRange', () => () => {}),
  fault(
    'a row that comes or goes does not touch calls that counted',
    SetIndex.prototype,
    'touchedBy',
    (original) =>
      function (this: SetIndex, change, byKey, visit) {
        const { before, after } = change;
        return original.call(this, { ...change, before: before ?? after, after: after ?? before }, byKey, visit);
      },
  ),
  fault(
    'a foreign commit is applied without rolling anything back',
    PendingCalls.prototype,
    'touchedBy',
    () => () => {},
  ),
  fault(
    'a row that came back equal is told as changed',
    NetChanges.prototype,
    'take',
    (original) =>
      function (this: NetChanges) {
        return original.call(this, () => false);
      },
  ),
  fault(
    'the commits of a batch are applied in the wrong order',
    Predictor.prototype,
    'begin',
    (original) =>
      function (this: Predictor, seq, commits, outcomes) {
        return original.call(this, seq, commits.toReversed(), outcomes);
      },
  ),
  fault(
    'a callId is used twice',
    Connection.prototype,
    'send',
    (original) =>
      function (this: Connection, message) {
        const isReused = message.type === 'call' && message.callId % 9 === 0;
        original.call(this, isReused ? { ...message, callId: (message.callId - 1) as typeof message.callId } : message);
      },
  ),
  fault(
    'simulated latency reorders frames',
    DelayLine.prototype,
    'pass',
    (original) =>
      function (this: DelayLine, deliver) {
        const { delayMs } = this;
        this.reset();
        this.delayMs = delayMs / (1 + (passed++ % 2));
        original.call(this, deliver);
        this.delayMs = delayMs;
      },
  ),
  fault('live queries do not hear of changes', LiveQueries.prototype, 'changed', () => () => {}),
  fault(
    'the authority forgets on a restart which calls have committed',
    ClientRecord.prototype,
    'settleCommit',
    () => () => {},
  ),
  fault('the authority forgets on a restart which values it has lent', IdLeases.prototype, 'restore', () => () => {}),
  fault(
    'the authority forgets outcomes before they are acknowledged',
    ClientRecord.prototype,
    'outcome',
    () => () => undefined,
  ),
  fault('connections that a crash ended stay present', Connections.prototype, 'leftOver', () => () => []),
  fault('a batch that could not be written is not taken back', OpenBatch.prototype, 'undo', () => () => {}),
  fault('a call that throws keeps what it wrote', Transaction.prototype, 'rollBack', () => () => {}),
  fault('snapshots are read in the middle of a batch', Authority.prototype, 'betweenBatches', () => (task) => task()),
  fault(
    'a client that comes back is not told what became of its calls',
    Authority.prototype,
    'outcomesAfter',
    () => () => [],
  ),
  fault(
    'a client that comes back misses a commit',
    SessionHub.prototype,
    'missed',
    (original) =>
      function (this: SessionHub, position: Position | undefined, older, queries, isOwn) {
        const wrong = position === undefined ? undefined : { ...position, seq: (position.seq + 1) as Seq };
        return original.call(this, wrong, older, queries, isOwn);
      },
  ),
  fault(
    'a batch is answered for before it is durable',
    Disk.prototype,
    'open',
    (original) =>
      function (this: Disk, actor): Log {
        const log = original.call(this, actor);
        return {
          ...log,
          append: async (batch) => {
            void log.append(batch);
          },
        };
      },
  ),
  fault(
    'a client that is started again forgets a call that it had stored',
    OwnCalls.prototype,
    'restore',
    (original) =>
      function (this: OwnCalls, calls, lastCallId, unpredicted) {
        return original.call(this, calls.slice(1), lastCallId, unpredicted);
      },
  ),
  fault(
    'a call is sent before it is stored',
    Device.prototype,
    'keep',
    (original) =>
      function (this: Device, call) {
        original.call(this, call);
        return false;
      },
  ),
  fault(
    'an event is told again when its call runs again',
    AppChanges.prototype,
    'addTakenBack',
    (original) =>
      function (this: AppChanges, changes) {
        original.call(
          this,
          changes.filter(({ tableId }) => !shapeOf(tableId).table.event),
        );
      },
  ),
];
