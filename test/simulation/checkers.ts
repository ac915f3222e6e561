/** What must be true of a world that has come to rest: of its log, its authority, its clients and their calls. */

import type { LogRecord } from '../../core/authority/record.ts';
import { readBatch } from '../../core/authority/record-reader.ts';
import { type ClientId, clientIdFromBytes } from '../../core/commit/call.ts';
import type { LogBatch } from '../../core/commit/log.ts';
import type { Row } from '../../core/commit/row-change.ts';
import type { Engine } from '../../core/engine/engine.ts';
import { expectThat, shown } from './failure.ts';
import { publicTables, shapeOf } from './mirror.ts';
import type { SimClient } from './sim-client.ts';
import { accountBalance, accountCount, definition } from './town.ts';
import { mayRefuse, tableId } from './workload.ts';

/** What the log says of one client's calls, in the log's order. */
interface LoggedCall {
  readonly callId: number;
  readonly type: 'commit' | 'unchanged' | 'rejected';
}

export interface ReadLog {
  readonly lastSeq: number;
  readonly calls: ReadonlyMap<ClientId, readonly LoggedCall[]>;
}

/** Batches and commits are numbered without holes; gives the calls in them. */
export function checkLog(batches: readonly LogBatch[]): ReadLog {
  const clients = new Map<number, ClientId>([[0, '0'.repeat(32) as ClientId]]);
  const calls = new Map<ClientId, LoggedCall[]>();
  let seq = 0;
  for (const [i, batch] of batches.entries()) {
    expectThat(batch.number === i + 1, () => `batch ${i + 1} of the log is numbered ${batch.number}`);
    expectThat(batch.firstSeq === seq + 1, () => `batch ${batch.number} starts at ${batch.firstSeq} after ${seq}`);
    for (const record of readBatch(batch, shapeOf)) {
      if (record.type === 'client') clients.set(record.clientNo, clientIdFromBytes(record.clientId));
      if (record.type === 'commit') {
        seq++;
        expectThat(record.seq === seq, () => `commit ${seq} of the log is numbered ${record.seq}`);
      }
      if (isCall(record)) noteCall(record, clients, calls);
    }
  }
  return { lastSeq: seq, calls };
}

type CallRecord = Extract<LogRecord, { readonly type: LoggedCall['type'] }>;

function isCall(record: LogRecord): record is CallRecord {
  return record.type === 'commit' || record.type === 'unchanged' || record.type === 'rejected';
}

function noteCall(
  { clientNo, callId, type }: CallRecord,
  clients: ReadonlyMap<number, ClientId>,
  calls: Map<ClientId, LoggedCall[]>,
): void {
  const clientId = clients.get(clientNo);
  expectThat(clientId !== undefined, () => `the log names client ${clientNo} before it introduces it`);
  const known = calls.get(clientId) ?? [];
  calls.set(clientId, known);
  const last = known.at(-1)?.callId ?? 0;
  expectThat(callId > last, () => `client ${clientNo}: call ${callId} is in the log after call ${last}`);
  known.push({ callId, type });
}

/** Each answered call is in the log exactly once, as what its caller was told. */
export function checkCalls(client: SimClient, clientId: ClientId | undefined, log: ReadLog): void {
  const logged = new Map(
    (clientId === undefined ? [] : (log.calls.get(clientId) ?? [])).map((each) => [each.callId, each]),
  );
  if (client.device !== undefined) return checkKeptCalls(client, logged.size);
  for (const { callId, handle, result } of client.calls) {
    const found = logged.get(callId);
    const name = `${client.name}: call ${callId} (${handle.reducer})`;
    if (result === 'closed') continue;
    expectThat(result !== 'open', () => `${name} has no answer; the log has ${shown(found)}`);
    expectThat(found !== undefined, () => `${name} was ${result} and is not in the log`);
    expectThat(
      result === 'confirmed' || mayRefuse.has(handle.reducer),
      () => `${name} was rejected, which it never is`,
    );
    expectThat(
      (found.type === 'rejected') === (result === 'rejected'),
      () => `${name} was ${result}, and the log says ${found.type}`,
    );
  }
  const last = client.calls.length;
  for (const callId of logged.keys())
    expectThat(callId <= last, () => `${client.name}: call ${callId} is in the log and was never made`);
}

/**
 * A client that is kept on its device goes on after a crash with the same name, and with numbers that calls may have had which
 * were never sent; so which call is which in the log is told by what the calls did (`checkAuthority`).
 */
function checkKeptCalls(client: SimClient, logged: number): void {
  for (const { planned, result } of client.calls) {
    const name = `${client.name}: ${planned.reducer} ${shown(planned.args)}`;
    expectThat(result !== 'open', () => `${name} has no answer`);
    expectThat(
      result !== 'rejected' || mayRefuse.has(planned.reducer),
      () => `${name} was rejected, which it never is`,
    );
    expectThat(
      result !== 'confirmed' || logged > 0,
      () => `${name} was confirmed, and the log has nothing of its client`,
    );
  }
}

/** Rows of the authority: the money is all there, notes and counters tell of exactly the calls that took effect. */
export function checkAuthority(engine: Engine, clients: readonly SimClient[], liveConnections: number): void {
  const rows = (name: string): Row[] => engine.rows(tableId(name));
  const money = rows('account').reduce((sum, { balance }) => sum + (balance as bigint), 0n);
  expectThat(money === BigInt(accountCount) * accountBalance, () => `the authority has ${money} of money`);
  const texts = rows('note').map(({ text }) => String(text));
  expectThat(new Set(texts).size === texts.length, () => `a note is there twice: ${shown(texts.sort())}`);
  const counted = new Map(rows('counter').map(({ client, calls }) => [String(client), Number(calls)]));
  for (const client of clients) checkEffects(client, new Set(texts), counted.get(client.name) ?? 0);
  expectThat(
    rows('presence').length === liveConnections,
    () => `${rows('presence').length} connections are present, ${liveConnections} are live`,
  );
}

function checkEffects(client: SimClient, texts: ReadonlySet<string>, counted: number): void {
  let least = 0;
  let most = 0;
  for (const { planned, result } of client.calls) {
    if (planned.counts === true && (result === 'confirmed' || result === 'kept')) least++;
    if (planned.counts === true && result !== 'rejected') most++;
    if (planned.text === undefined || result === 'closed' || result === 'unknown') continue;
    const { text } = planned;
    // What is kept is carried out by whoever opens next, and by then it may be refused.
    if (result === 'kept' && mayRefuse.has(planned.reducer)) continue;
    expectThat(
      texts.has(text) === (result === 'confirmed' || result === 'kept'),
      () => `'${text}' was ${result}; there: ${texts.has(text)}`,
    );
  }
  expectThat(
    counted >= least && counted <= most,
    () => `${client.name} is counted ${counted} times, it made ${least} to ${most} calls of count`,
  );
}

/**
 * Events are told at most once, and not without their call; who made the call has been told when it is confirmed, unless it was
 * not predicted and came with a snapshot.
 */
export function checkCries(client: SimClient, clients: readonly SimClient[]): void {
  const made = new Map(clients.flatMap(({ calls }) => calls.map((call) => [call.planned.cry, call] as const)));
  for (const [cry, times] of client.mirror.cries) {
    expectThat(times === 1, () => `${client.name} was told of '${cry}' ${times} times`);
    expectThat(made.has(cry), () => `${client.name} was told of '${cry}', which nobody made`);
  }
  for (const { planned, handle, result } of client.calls) {
    if (planned.cry === undefined || result !== 'confirmed' || handle.prediction?.type !== 'predicted') continue;
    expectThat(client.mirror.cries.has(planned.cry), () => `${client.name} was not told of its own '${planned.cry}'`);
  }
}

/** A client at rest holds the authority's rows: as it was told, and as its live queries show. */
export function checkReplica(client: SimClient, engine: Engine): void {
  client.checkLive();
  for (const id of publicTables) {
    const difference = differenceOf(id, [...client.mirror.rows(id).values()], engine.rows(id));
    expectThat(difference === undefined, () => `${client.name} and the authority: ${difference}`);
  }
}

/** Two engines hold the same rows. */
export function checkSame(one: Engine, other: Engine, claim: string): void {
  for (const { tableId: id } of definition.tables) {
    const difference = differenceOf(id, one.rows(id), other.rows(id));
    expectThat(difference === undefined, () => `${claim}: ${difference}`);
  }
}

/** Says which rows only one of two has, if there are any. */
export function differenceOf(id: number, one: readonly Row[], other: readonly Row[]): string | undefined {
  const { table, keyOf, equals } = shapeOf(id);
  const missing = (from: readonly Row[], rows: readonly Row[]): Row[] => {
    const byKey = new Map(from.map((row) => [keyOf(row), row]));
    return rows.filter((row) => !isEqual(row, byKey.get(keyOf(row)), equals));
  };
  const [onlyOne, onlyOther] = [missing(other, one), missing(one, other)];
  if (onlyOne.length === 0 && onlyOther.length === 0) return undefined;
  return `of ${table.name} only the one has ${shown(onlyOne)}, only the other ${shown(onlyOther)}`;
}

function isEqual(row: Row, other: Row | undefined, equals: (a: Row, b: Row) => boolean): boolean {
  return other !== undefined && equals(row, other);
}
