/** What the tests of the storage share: scratch folders, a module that uses every feature of it, and recovery without threads. */

import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Authority, type AuthorityOptions } from '../../core/authority/authority.ts';
import { emptyCheckpoint, recover } from '../../core/authority/checkpoint.ts';
import { Clients, type ClientSnapshot } from '../../core/authority/clients.ts';
import { IdLeases, type Lease } from '../../core/authority/id-lease.ts';
import { rendered } from '../../core/codec/rendered.testing.ts';
import type { Epoch } from '../../core/commit/call.ts';
import type { Log, LogBatch } from '../../core/commit/log.ts';
import { Engine } from '../../core/engine/engine.ts';
import { SenderError } from '../../core/errors.ts';
import { t } from '../../core/module/column.ts';
import { defineModule } from '../../core/module/module.ts';
import { schema } from '../../core/module/schema.ts';
import { table } from '../../core/module/table.ts';
import { Identity } from '../../core/value/identity.ts';
import { nodeEnvironment } from '../environment.ts';
import { describeModule } from '../module-change.ts';
import { BatchReader } from './batch-table.ts';
import { openCheckpoint } from './checkpoint-reader.ts';
import { type DatabaseBirth, openForReading } from './database-file.ts';
import { SqliteStorage, type StorageOptions } from './sqlite-storage.ts';

/** Removed when the test ends. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'forerun-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const item = table(
  { name: 'item', public: true },
  { id: t.u64().primaryKey().autoInc(), owner: t.identity().index('btree'), amount: t.i64() },
);
const tag = table({ name: 'tag' }, { word: t.string(), weight: t.f64() });
const presence = table({ name: 'presence', public: true }, { connection: t.connectionId().primaryKey() });
const flash = table({ name: 'flash', public: true, event: true }, { text: t.string() });
const store = schema({ item, tag, presence, flash });

const add = store.reducer({ amount: t.i64() }, (ctx, { amount }) => {
  ctx.db.item.insert({ id: 0n, owner: ctx.sender, amount });
  ctx.db.flash.insert({ text: 'added' });
});
const change = store.reducer({ nth: t.u32(), amount: t.i64() }, (ctx, { nth, amount }) => {
  const items = [...ctx.db.item.iter()];
  const chosen = items[nth % Math.max(1, items.length)];
  if (chosen === undefined) throw new SenderError('There is nothing to change.');
  if (amount === 0n) ctx.db.item.id.delete(chosen.id);
  else ctx.db.item.id.update({ ...chosen, amount });
});
const label = store.reducer({ word: t.string(), weight: t.f64() }, (ctx, row) => {
  if (!ctx.db.tag.delete(row)) ctx.db.tag.insert(row);
});
const came = store.clientConnected((ctx) => {
  if (ctx.connectionId !== null) ctx.db.presence.insert({ connection: ctx.connectionId });
});
const went = store.clientDisconnected((ctx) => {
  if (ctx.connectionId !== null) ctx.db.presence.connection.delete(ctx.connectionId);
});

export const storeExports = { default: store, add, change, label, came, went };
export const storeDefinition = defineModule(storeExports);
export const storeModule = describeModule(storeDefinition);
export const itemTableId = 0;
export const itemIdColumn = 0;

export const birth: DatabaseBirth = {
  epoch: '0011223344556677',
  databaseIdentity: 'c2'.repeat(32),
  secret: '5e'.repeat(16),
};

export function openStorage(path: string, options: Partial<StorageOptions> = {}): SqliteStorage {
  return SqliteStorage.open({ path, module: storeModule, birth, ...options });
}

/**
 * The storage as a Log in this thread, which takes most batches as they come and has to read the others back, and writes
 * to the tables with each append once it has so many bytes of log to write.
 */
export function logOf(storage: SqliteStorage, path: string, behindBytesMax = Number.POSITIVE_INFINITY): Log {
  return {
    append: async (batch) => {
      storage.append(batch);
      if (batch.number % 4 === 0) return;
      const bytes = batch.bytes.slice();
      storage.appended({ ...batch, bytes }, behindBytesMax);
      // The thread writes over them as well.
      bytes.fill(0xff);
    },
    read: (after) => storedBatches(path, after),
    extent: () => storage.extent,
    close: async () => storage.close(10_000),
  };
}

export async function* storedBatches(path: string, after: number): AsyncGenerator<LogBatch> {
  const db = openForReading(path);
  try {
    const reader = new BatchReader(db, path, after);
    for (let batches = reader.next(); batches.length > 0; batches = reader.next()) yield* batches;
  } finally {
    db.close();
  }
}

export function openAuthority(log: Log, options: Partial<AuthorityOptions> = {}): Promise<Authority> {
  return Authority.open({
    definition: storeDefinition,
    log,
    environment: nodeEnvironment(),
    epoch: birth.epoch as Epoch,
    databaseIdentity: Identity.fromString(birth.databaseIdentity),
    secret: birth.secret,
    ...options,
  });
}

/** What a kill -9 leaves of a database: its file and its write-ahead log, as they are at this moment. */
export function copyOf(path: string): string {
  const copy = join(scratchFolder(), 'main.sqlite');
  for (const suffix of ['', '-wal']) if (existsSync(path + suffix)) copyFileSync(path + suffix, copy + suffix);
  return copy;
}

/** All that a restart has to bring back, as text. */
export interface StateText {
  readonly seq: number;
  readonly rows: string;
  readonly clients: string;
  readonly leases: string;
  readonly connections: string;
}

interface State {
  readonly engine: Engine;
  readonly clients: readonly ClientSnapshot[];
  readonly leases: readonly Lease[];
  readonly connections: Iterable<readonly [bigint, bigint]>;
}

function stateText(seq: number, { engine, clients, leases, connections }: State): StateText {
  return {
    seq,
    rows: rendered(engine.stores.map(({ shape }) => (shape.table.event ? [] : engine.rows(shape.table.tableId)))),
    // Nobody asks for the outcomes of the database's own calls, and they are kept as it happens.
    clients: rendered(clients.map((client) => (client.clientNo === 0 ? { lastCallId: client.lastCallId } : client))),
    leases: leases.map(rendered).sort().join('\n'),
    connections: [...connections].map(rendered).sort().join('\n'),
  };
}

export function stateOf(authority: Authority): StateText {
  return stateText(authority.executedSeq, { engine: authority.engine, ...authority.snapshot() });
}

/** Opens the database, which checks it, and recovers from its tables and the rest of its log, or from its log alone. */
export async function recoveredState(path: string, from: 'tables' | 'log'): Promise<StateText> {
  openStorage(path).close(0);
  const stored = openCheckpoint(path, storeModule);
  const clients = new Clients(Identity.zero());
  const leases = new IdLeases(
    () => {},
    () => 0,
  );
  const engine = await Engine.open({ definition: storeDefinition, ids: leases });
  try {
    const checkpoint = from === 'tables' ? stored.checkpoint : emptyCheckpoint;
    const log = { read: (after: number) => storedBatches(path, after) };
    const { seq, connections } = await recover({ engine, log, clients, leases, checkpoint });
    return stateText(seq, { engine, clients: clients.snapshot(), leases: leases.snapshot(), connections });
  } finally {
    engine.close();
    stored.close();
  }
}
