/** The checkpoint that the database file holds: its tables, clients, leases and connections, as recovery takes them. */

import type { Checkpoint } from '../../core/authority/checkpoint.ts';
import type { Seq } from '../../core/commit/call.ts';
import type { SqlValue } from '../../core/engine/sql-value.ts';
import { isStored, type ModuleDescription } from '../module-change.ts';
import { readClients, readConnections, readLeases } from './bookkeeping.ts';
import { openForReading, readMeta } from './database-file.ts';
import { readRows } from './row-tables.ts';
import { openingError } from './storage-error.ts';

export interface StoredCheckpoint {
  readonly checkpoint: Checkpoint;
  /** Rows can be read until then. */
  readonly close: () => void;
}

/** All of it as of one moment, whatever the storage thread does meanwhile. Throws `database-corrupt`. */
export function openCheckpoint(path: string, { tables }: ModuleDescription): StoredCheckpoint {
  const db = openForReading(path);
  try {
    db.exec('BEGIN');
    const { tablesBatch, tablesSeq } = readMeta(db, path);
    return {
      checkpoint: {
        seq: tablesSeq as Seq,
        batchNumber: tablesBatch,
        clients: readClients(db, path),
        leases: readLeases(db, path, tables),
        connections: readConnections(db, path),
        rows: (tableName) => rows(tableName),
      },
      close: () => db.close(),
    };
  } catch (cause) {
    db.close();
    throw openingError(cause, path);
  }

  function* rows(tableName: string): Generator<SqlValue[]> {
    const table = tables.find(({ name }) => name === tableName);
    if (table === undefined || !isStored(table)) return;
    try {
      yield* readRows(db, path, table);
    } catch (cause) {
      throw openingError(cause, path);
    }
  }
}
