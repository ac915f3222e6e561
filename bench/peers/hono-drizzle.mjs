/**
 * The transfer workload as people write it in Node today: Hono, Drizzle and better-sqlite3, one JSON request a transfer,
 * SQLite in WAL mode with its default of waiting for the disk at each transaction. Run as a child process, with a folder.
 */

import { join } from 'node:path';
import { serve } from '@hono/node-server';
import Database from 'better-sqlite3';
import { eq } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { integer, sqliteTable } from 'drizzle-orm/sqlite-core';
import { Hono } from 'hono';

const accountCount = 100_000;
const initialBalance = 1_000_000_000;

const account = sqliteTable('account', {
  id: integer('id').primaryKey(),
  balance: integer('balance').notNull(),
});

const sqlite = new Database(join(process.argv[2] ?? '.', 'peer.sqlite'));
sqlite.pragma('journal_mode = WAL');
sqlite.pragma('synchronous = FULL');
sqlite.exec('CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)');
const db = drizzle(sqlite);
db.transaction((tx) => {
  for (let id = 0; id < accountCount; id += 1000) {
    const rows = Array.from({ length: 1000 }, (_, i) => ({ id: id + i, balance: initialBalance }));
    tx.insert(account).values(rows).run();
  }
});

const app = new Hono();
app.post('/transfer', async (c) => {
  const { from, to, amount } = await c.req.json();
  if (from === to || !(amount > 0)) return c.json({ error: 'invalid' }, 400);
  const refusal = db.transaction((tx) => {
    const source = tx.select().from(account).where(eq(account.id, from)).get();
    const target = tx.select().from(account).where(eq(account.id, to)).get();
    if (source === undefined || target === undefined) return 'no such account';
    if (source.balance < amount) return 'insufficient funds';
    tx.update(account)
      .set({ balance: source.balance - amount })
      .where(eq(account.id, from))
      .run();
    tx.update(account)
      .set({ balance: target.balance + amount })
      .where(eq(account.id, to))
      .run();
    return undefined;
  });
  return refusal === undefined ? c.json({ ok: true }) : c.json({ error: refusal }, 409);
});

serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => process.send?.({ type: 'listening', port }));
process.once('disconnect', () => process.exit(0));
