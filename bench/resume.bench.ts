/**
 * `npm run bench -- resume [ROWS …]`: a client that was away for 1,000 commits comes back to a server that has started
 * anew. How many bytes the server sends it, beside the bytes that those commits take in the log, for databases of several
 * sizes.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { schema, t, table } from 'forerun';
import { serve } from 'forerun/server';
import { connect } from '../worker/client/connect.ts';

const item = table({ name: 'item', public: true }, { id: t.u32().primaryKey(), count: t.u32(), text: t.string() });
const items = schema({ item });
const module = {
  default: items,
  fill: items.reducer({ predict: false }, { from: t.u32(), to: t.u32() }, (ctx, { from, to }) => {
    for (let id = from; id < to; id++) ctx.db.item.insert({ id, count: 0, text: `item number ${id}` });
  }),
  bump: items.reducer({ predict: false }, { id: t.u32() }, (ctx, { id }) => {
    const row = ctx.db.item.id.find(id);
    if (row !== null) ctx.db.item.id.update({ ...row, count: row.count + 1 });
  }),
};

const missed = 1_000;
const rowsPerCall = 1_000;

export async function run(args: readonly string[]): Promise<void> {
  const sizes = args.length > 0 ? args.map(Number) : [1_000, 50_000];
  const results = [];
  for (const rows of sizes) results.push({ rows, ...(await resumed(rows)) });
  const last = results.at(-1);
  const { bytes, commit_bytes } = last ?? { bytes: 0, commit_bytes: 0 };
  console.log(
    JSON.stringify({ bench: 'resume', missed, bytes, commit_bytes, ratio: bytes / commit_bytes, by_size: results }),
  );
}

async function resumed(rows: number): Promise<{ readonly bytes: number; readonly commit_bytes: number }> {
  const [data, folder] = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'forerun-resume-'))) as [string, string];
  const counter = countReceived();
  try {
    let server = await serve({ module, data, port: 0 });
    const other = connect({ module, url: server.url });
    for (let from = 0; from < rows; from += rowsPerCall) await other.reducers.fill({ from, to: from + rowsPerCall });
    const first = connect({ module, url: server.url, storage: { folder } });
    await first.ready();
    await first.close();
    const { log } = server.authority;
    const before = log.extent().last;
    await Promise.all(Array.from({ length: missed }, (_, i) => other.reducers.bump({ id: (i * 7) % rows })));
    let commitBytes = 0;
    for await (const batch of log.read(before)) if (batch.commitCount > 0) commitBytes += batch.bytes.length;
    const expected = await other.live('SELECT sum(count) AS total FROM item').ready();
    await other.close();
    await server.close();

    server = await serve({ module, data, port: 0 });
    const again = connect({ module, url: server.url, storage: { folder } });
    counter.bytes = 0;
    const live = again.live('SELECT sum(count) AS total FROM item');
    await new Promise<void>((resolve) => {
      const look = (): void => void (JSON.stringify(live.rows) === JSON.stringify(expected) && resolve());
      live.subscribe(look);
      look();
    });
    const { bytes } = counter;
    await again.close();
    await server.close();
    return { bytes, commit_bytes: commitBytes };
  } finally {
    counter.stop();
    for (const path of [data, folder]) rmSync(path, { recursive: true, force: true });
  }
}

/** Bytes that WebSockets of this process receive from now on. */
function countReceived(): { bytes: number; readonly stop: () => void } {
  const Plain = globalThis.WebSocket;
  const counter = {
    bytes: 0,
    stop: () => {
      globalThis.WebSocket = Plain;
    },
  };
  globalThis.WebSocket = class extends Plain {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      this.addEventListener('message', ({ data }) => {
        counter.bytes += (data as ArrayBuffer).byteLength;
      });
    }
  };
  return counter;
}
