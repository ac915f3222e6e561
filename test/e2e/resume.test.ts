/** Clients and a server that start anew, over real sockets, a real log and a folder of the client's own. */

import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { schema, t, table } from 'forerun';
import { type Served, serve } from 'forerun/server';
import { expect, onTestFinished, test } from 'vitest';
import type { Client } from '../../worker/client/client.ts';
import { connect } from '../../worker/client/connect.ts';

const item = table({ name: 'item', public: true }, { id: t.u32().primaryKey(), count: t.u32() });
const counts = schema({ item });
const module = {
  default: counts,
  bump: counts.reducer({ id: t.u32() }, (ctx, { id }) => {
    const row = ctx.db.item.id.find(id);
    if (row === null) ctx.db.item.insert({ id, count: 1 });
    else ctx.db.item.id.update({ id, count: row.count + 1 });
  }),
};
type ItemClient = Client<typeof module>;

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'forerun-resume-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function served(data: string, port = 0): Promise<Served> {
  const server = await serve({ module, data, port, diagnostics: { tablesFailed: () => {} } });
  onTestFinished(() => server.close());
  return server;
}

function client(url: string, place: string | undefined): ItemClient {
  const opened = connect({ module, url, storage: place === undefined ? 'memory' : { folder: place } });
  onTestFinished(() => opened.close());
  return opened;
}

/** Until the status says so. */
function until(of: ItemClient, isSo: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const stop = of.onStatus(() => {
      if (!isSo()) return;
      stop();
      resolve();
    });
    if (!isSo()) return;
    stop();
    resolve();
  });
}

const isLive = (of: ItemClient): boolean => of.status.type === 'live' && of.status.pending === 0;
const rows = (of: ItemClient) => of.live('SELECT id, count FROM item ORDER BY id').ready();

test('[OFF-4] client and server both start anew, and only what was missed is sent', async () => {
  const [data, place] = [folder(), folder()];
  let server = await served(data);
  const { port } = server;
  const other = client(server.url, undefined);
  for (let id = 0; id < 300; id++) other.reducers.bump({ id });
  await other.reducers.bump({ id: 0 });
  const first = client(server.url, place);
  await first.ready();
  await until(first, () => isLive(first));
  await first.close();

  for (let n = 0; n < 10; n++) await other.reducers.bump({ id: n });
  await server.close();
  server = await served(data, port);

  const again = client(server.url, place);
  const inserted: number[] = [];
  const updated: number[] = [];
  again.tables.item.onInsert(({ id }) => inserted.push(id));
  again.tables.item.onUpdate(({ id }) => updated.push(id));
  await until(again, () => isLive(again));
  expect(await rows(again)).toEqual(await rows(other));
  await until(other, () => isLive(other));
  await other.reducers.bump({ id: 5 });
  expect(inserted).toEqual([]);
  expect(await rows(other)).toContainEqual({ id: 5, count: 3 });
});

test('[OFF-2] calls made while both were down are made once, in order', async () => {
  const [data, place] = [folder(), folder()];
  const server = await served(data);
  const { port } = server;
  const first = client(server.url, place);
  await first.reducers.bump({ id: 1 });
  await server.close();
  await until(first, () => first.status.type === 'offline');
  await Promise.all([1, 2, 3].map(() => first.reducers.bump({ id: 1 }).stored));
  expect(await rows(first)).toEqual([{ id: 1, count: 4 }]);
  await first.close();

  const again = client(`http://127.0.0.1:${port}`, place);
  await again.ready();
  expect(await rows(again)).toEqual([{ id: 1, count: 4 }]);
  await again.reducers.bump({ id: 2 }).stored;
  await served(data, port);
  await until(again, () => isLive(again));
  expect(await rows(again)).toEqual([
    { id: 1, count: 4 },
    { id: 2, count: 1 },
  ]);
  const newcomer = client(`http://127.0.0.1:${port}`, undefined);
  await newcomer.ready();
  expect(await rows(newcomer)).toEqual(await rows(again));
});

test('[OFF-11] a server whose data went back to an older copy is noticed: rows are those of the server, calls that wait are sent', async () => {
  const [data, copy, place] = [folder(), folder(), folder()];
  let server = await served(data);
  const { port } = server;
  const first = client(server.url, place);
  await first.reducers.bump({ id: 1 });
  await server.close();
  cpSync(data, copy, { recursive: true });
  server = await served(data, port);
  await until(first, () => isLive(first));
  for (let n = 0; n < 5; n++) await first.reducers.bump({ id: 2 });
  await server.close();
  await until(first, () => first.status.type === 'offline');
  await first.reducers.bump({ id: 3 }).stored;
  await first.close();

  await served(copy, port);
  const again = client(`http://127.0.0.1:${port}`, place);
  await until(again, () => isLive(again));
  const newcomer = client(`http://127.0.0.1:${port}`, undefined);
  await newcomer.ready();
  expect(await rows(again)).toEqual(await rows(newcomer));
  expect(await rows(again)).toEqual([
    { id: 1, count: 1 },
    { id: 3, count: 1 },
  ]);
});
