/**
 * Recovery: a checkpoint and the rest of the log make the authority's state again.
 *
 * Law: applying the log's batches from the first gives the state; a checkpoint is the state as of one batch, so the
 * batches after it are enough. Applying a batch to rows that contain it already changes nothing, because changes set
 * whole rows: a checkpoint's rows may be newer than it says, its clients and leases may not.
 */

import type { Seq } from '../commit/call.ts';
import type { Log, LogBatch } from '../commit/log.ts';
import type { RowChange } from '../commit/row-change.ts';
import type { Engine } from '../engine/engine.ts';
import type { SqlValue } from '../engine/sql-value.ts';
import { ForerunError } from '../errors.ts';
import type { TableDefinition } from '../module/definition.ts';
import type { ClientSnapshot, Clients } from './clients.ts';
import type { IdLeases, Lease } from './id-lease.ts';
import type { LogRecord } from './record.ts';
import { readBatch } from './record-reader.ts';

export interface Checkpoint {
  readonly seq: Seq;
  /** The last batch that is in it. */
  readonly batchNumber: number;
  readonly clients: readonly ClientSnapshot[];
  readonly leases: readonly Lease[];
  /** Connections that were open, and whose `clientDisconnected` has not run. */
  readonly connections: readonly (readonly [connectionId: bigint, identity: bigint])[];
  /** Rows of a table as SQLite values, in the order of `storedColumns`. */
  readonly rows: (tableName: string) => Iterable<readonly SqlValue[]>;
}

export const emptyCheckpoint: Checkpoint = {
  seq: 0 as Seq,
  batchNumber: 0,
  clients: [],
  leases: [],
  connections: [],
  rows: () => [],
};

export interface Recovered {
  readonly seq: Seq;
  readonly batchNumber: number;
  readonly connections: ReadonlyMap<bigint, bigint>;
}

export async function recover(parts: {
  engine: Engine;
  log: Pick<Log, 'read'>;
  clients: Clients;
  leases: IdLeases;
  checkpoint: Checkpoint;
}): Promise<Recovered> {
  const { engine, log, clients, leases, checkpoint } = parts;
  for (const store of engine.stores) store.loadStored(checkpoint.rows(store.shape.table.name));
  clients.restore(checkpoint.clients);
  for (const lease of checkpoint.leases) leases.restore(lease);
  const connections = new Map(checkpoint.connections);
  let { seq, batchNumber } = checkpoint;
  for await (const batch of log.read(checkpoint.batchNumber)) {
    checkContinues(batch, seq, batchNumber);
    for (const record of readBatch(batch, (tableId) => engine.shape(tableId))) {
      if (record.type === 'commit') seq = record.seq;
      applyRecord(record, engine, clients, leases, connections);
    }
    batchNumber = batch.number;
    // Nobody asks for the outcomes of the database's own calls.
    clients.database.acknowledge(clients.database.lastCallId);
  }
  return { seq, batchNumber, connections };
}

/** What is missing from a log can't be made up for: going on without it would lose what was acknowledged. */
function checkContinues({ number, firstSeq }: LogBatch, seq: Seq, batchNumber: number): void {
  if (number === batchNumber + 1 && firstSeq === seq + 1) return;
  throw new ForerunError(
    'database-corrupt',
    `The log goes on with batch ${number} (commit ${firstSeq}) after batch ${batchNumber} (commit ${seq}): something is missing. Restore a backup with: forerun restore.`,
  );
}

function applyRecord(
  record: LogRecord,
  engine: Engine,
  clients: Clients,
  leases: IdLeases,
  connections: Map<bigint, bigint>,
): void {
  switch (record.type) {
    case 'commit':
      engine.apply(record.changes);
      clients.byNo(record.clientNo).settleCommit(record);
      for (const change of record.changes) noteIds(change, record.clientNo, engine.shape(change.tableId).table, leases);
      return;
    case 'unchanged':
      return clients.byNo(record.clientNo).settle(record.callId, 0);
    case 'rejected':
      return clients.byNo(record.clientNo).settle(record.callId, record.rejection);
    case 'client':
      return clients.register(record.clientNo, record.clientId, record.identity);
    case 'lease':
      return leases.restore(record);
    case 'connected':
      connections.set(record.connectionId, record.identity);
      return;
    case 'disconnected':
      connections.delete(record.connectionId);
      return;
    case 'acknowledged':
      clients.byNo(record.clientNo).acknowledge(record.callId);
      return;
  }
}

/** Takes the autoInc values of a committed row out of what its client holds. */
export function noteIds(
  { tableId, after }: RowChange,
  clientNo: number,
  table: TableDefinition,
  leases: IdLeases,
): void {
  if (after === undefined) return;
  for (const [column, { autoInc, field }] of table.columns.entries()) {
    if (autoInc) leases.noteUsed(tableId, column, clientNo, BigInt(after[field] as number | bigint));
  }
}
