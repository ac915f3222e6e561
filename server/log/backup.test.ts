import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WireClient } from '../../test/crash/wire-client.ts';
import { serve, type Served, type ServeOptions } from '../serve.ts';
import { backupDatabase, restoreDatabase } from './backup.ts';
import { checkDatabase } from './check.ts';
import { openStorage, scratchFolder, storeDefinition, storeExports } from './storage.testing.ts';

async function served(options: Partial<ServeOptions>): Promise<Served> {
  const server = await serve({ module: storeExports, port: 0, ...options });
  onTestFinished(() => server.close());
  return server;
}

async function connected({ url }: Served, token?: string): Promise<WireClient> {
  const client = new WireClient({ definition: storeDefinition, ...(token !== undefined && { token }) });
  onTestFinished(() => client.close());
  await client.connect(url);
  return client;
}

const amounts = ({ authority }: Served) =>
  authority.engine.select('SELECT amount FROM item ORDER BY amount').rows.map(([amount]) => Number(amount));
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);

async function databaseOf(calls: number): Promise<{ data: string; database: string }> {
  const data = join(scratchFolder(), 'data');
  const server = await served({ data });
  const client = await connected(server);
  client.call('add', ...upTo(calls).map((n) => ({ amount: BigInt(n) })));
  await client.until(() => client.pendingCount === 0);
  await client.close();
  await server.close();
  return { data, database: join(data, 'main.sqlite') };
}

describe('a backup', () => {
  test('[BAK-1] [BAK-2] is taken while calls go on, holds all that was acknowledged before, and is restored elsewhere', async () => {
    const folder = scratchFolder();
    const server = await served({ data: join(folder, 'data') });
    const client = await connected(server);
    for (const n of upTo(50)) await client.run('add', { amount: BigInt(n) });
    let isTaken = false;
    const going = (async () => {
      for (let n = 50; !isTaken; n++) await client.run('add', { amount: BigInt(n) });
    })();
    const to = join(folder, 'backup.sqlite');
    const report = await server.backup(to);
    isTaken = true;
    await going;
    const all = amounts(server).length;
    expect(report).toMatchObject({ path: to, problems: [] });
    expect(report.seq).toBeGreaterThanOrEqual(51);
    expect(checkDatabase(to).problems).toEqual([]);

    const restored = restoreDatabase({ data: join(folder, 'other'), from: to });
    const again = await served({ data: join(folder, 'other') });
    const kept = amounts(again).length;
    expect(amounts(again)).toEqual(upTo(kept));
    expect(kept).toBeGreaterThanOrEqual(50);
    expect(kept).toBeLessThanOrEqual(all);
    expect(again.authority.durableSeq).toBeGreaterThanOrEqual(report.seq);
    expect([restored.movedTo, again.authority.epoch]).toEqual([undefined, restored.epoch]);
    expect(again.authority.epoch).not.toBe(server.authority.epoch);
    expect(again.authority.databaseIdentity.isEqual(server.authority.databaseIdentity)).toBe(true);
    // The tokens that the first one gave out are good here.
    await connected(again, client.token);
  });

  test('[BAK-1] is refused where a file is, and of what is not there', async () => {
    const { data } = await databaseOf(1);
    const to = join(scratchFolder(), 'b.sqlite');
    writeFileSync(to, 'mine');
    expect(() => backupDatabase({ data, to })).toThrow(expect.objectContaining({ code: 'data-folder-unusable' }));
    expect(readFileSync(to, 'utf8')).toBe('mine');
    expect(() => backupDatabase({ data, name: 'other', to: `${to}2` })).toThrow(
      expect.objectContaining({ code: 'not-found' }),
    );
    expect(() => backupDatabase({ data, to: join(to, 'no', 'folder') })).toThrow(
      expect.objectContaining({ code: 'data-folder-unusable' }),
    );
    const inMemory = await served({});
    await expect(inMemory.backup(`${to}3`)).rejects.toMatchObject({ code: 'not-found' });
  });

  test('[BAK-3] takes the place of a database, which is moved aside, and clients start anew from it', async () => {
    const { data, database } = await databaseOf(3);
    const to = join(scratchFolder(), 'b.sqlite');
    backupDatabase({ data, to });
    const server = await served({ data });
    const client = await connected(server);
    await client.run('add', { amount: 3n });
    expect(() => restoreDatabase({ data, from: to })).toThrow(
      expect.objectContaining({ code: 'data-folder-unusable', message: expect.stringMatching(/Stop it first/) }),
    );
    await client.close();
    await server.close();
    const { movedTo, epoch } = restoreDatabase({ data, from: to });
    const again = await served({ data });
    expect([amounts(again), again.authority.epoch]).toEqual([upTo(3), epoch]);
    await again.close();
    // What was there can still be had.
    const aside = join(scratchFolder(), 'aside');
    mkdirSync(aside);
    copyFileSync(String(movedTo), join(aside, 'main.sqlite'));
    expect(amounts(await served({ data: aside }))).toEqual(upTo(4));
    expect(readdirSync(data).some((name) => name.startsWith('main.sqlite.before-restore-1'))).toBe(true);
    expect(existsSync(database)).toBe(true);
  });

  test('[BAK-4] that is damaged is not restored, and what is there stays', async () => {
    const { data, database } = await databaseOf(2_000);
    const to = join(scratchFolder(), 'b.sqlite');
    backupDatabase({ data, to });
    const bytes = readFileSync(to);
    let refused = 0;
    for (let at = 4_096; at < bytes.length; at += Math.ceil(bytes.length / 16)) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 0x10;
      writeFileSync(to, damaged);
      try {
        restoreDatabase({ data: join(scratchFolder(), 'x'), from: to });
      } catch (error) {
        expect(error).toMatchObject({ code: 'database-corrupt', message: expect.stringMatching(/forerun restore/) });
        refused++;
      }
    }
    // Some flips fall on bytes that nothing is kept in.
    expect(refused).toBeGreaterThan(6);
    writeFileSync(to, bytes.subarray(0, bytes.length / 2));
    expect(() => restoreDatabase({ data, from: to })).toThrow(expect.objectContaining({ code: 'database-corrupt' }));
    expect(checkDatabase(database).problems).toEqual([]);
  });
});

describe('a check', () => {
  test('[BAK-5] finds a row, a batch and a client that are others than they were, and tells of each', async () => {
    const { database } = await databaseOf(10);
    expect(checkDatabase(database)).toMatchObject({ problems: [], rows: { item: 10, tag: 0, presence: 0 } });
    const db = new DatabaseSync(database);
    db.exec('UPDATE item SET amount = 99 WHERE amount = 3');
    db.exec('UPDATE _forerun_log SET bytes = zeroblob(length(bytes)) WHERE number = 2');
    db.exec('UPDATE _forerun_client SET last_call_id = last_call_id + 1 WHERE client_no = 1');
    db.close();
    const { problems } = checkDatabase(database);
    expect(problems.map(({ code }) => code)).toEqual(['database-corrupt', 'database-corrupt', 'database-corrupt']);
    expect(problems.map(({ message }) => message).join('\n')).toMatch(/batch 2 .*\n.*item.*\n.*_forerun_client/);
  });

  test('[BAK-5] of a database that is served finds nothing wrong with it', async () => {
    const data = join(scratchFolder(), 'data');
    const server = await served({ data, behindBytesMax: 2_000 });
    const client = await connected(server);
    for (const n of upTo(200)) {
      await client.run('add', { amount: BigInt(n) });
      if (n % 20 === 0) expect(checkDatabase(join(data, 'main.sqlite')).problems).toEqual([]);
    }
  });
});

describe('old log', () => {
  test('[BAK-6] is dropped by its age, too, once the tables contain it, and a restart has everything', () => {
    const path = join(scratchFolder(), 'main.sqlite');
    const storage = openStorage(path, { logAgeMsMax: 60_000 });
    const append = (number: number, ageMs: number): void => {
      const bytes = new Uint8Array(9);
      const view = new DataView(bytes.buffer);
      view.setUint8(0, 1);
      view.setBigInt64(1, BigInt(Math.floor((Date.now() - ageMs) * 1_000)), true);
      storage.append({ number, firstSeq: 1 as never, commitCount: 0, bytes });
    };
    for (let number = 1; number <= 40; number++) append(number, number <= 30 ? 120_000 : 1_000);
    while (storage.slice(10));
    expect(storage.extent).toEqual({ first: 31, last: 40 });
    storage.close(1_000);
    expect(checkDatabase(path).problems).toEqual([]);
    const again = openStorage(path, { logAgeMsMax: 0 });
    while (again.slice(10));
    // The last one says where the log is.
    expect(again.extent).toEqual({ first: 40, last: 40 });
    again.close(1_000);
  });
});
