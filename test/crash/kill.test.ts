/** Real processes, really killed. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'forerun/client';
import { serve } from 'forerun/server';
import { afterEach, expect, test } from 'vitest';
import * as bank from './module.ts';
import { accounts, balance } from './module.ts';

const kills = Number(process.env.FORERUN_KILLS ?? 20);
const clientCount = 4;

let folder: string | undefined;
let server: ChildProcess | undefined;

afterEach(() => {
  server?.kill('SIGKILL');
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

async function start(data: string, port: number): Promise<number> {
  server = fork(new URL('./server.ts', import.meta.url), [data, String(port)], {
    execArgv: ['--conditions=forerun-source'],
  });
  const [listening] = await once(server, 'message');
  return Number(listening);
}

async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await new Promise((resolve) => setTimeout(resolve, 10));
}

test(
  `[EXO-3] [AUT-10] kill -9 during a load of calls, ${kills} times, loses nothing acknowledged and repeats nothing`,
  async () => {
    folder = mkdtempSync(join(tmpdir(), 'forerun-kill-'));
    const port = await start(folder, 0);
    const clients = Array.from({ length: clientCount }, () =>
      connect({ module: bank, url: `http://127.0.0.1:${port}` }),
    );
    await Promise.all(clients.map((client) => client.ready()));

    const made = clients.map(() => 0);
    let confirmed = 0;
    let isOver = false;
    const load = clients.map(async (client, number) => {
      while (!isOver) {
        if (client.status.pending < 50) {
          const n = (made[number] = (made[number] ?? 0) + 1);
          const from = Math.floor(Math.random() * accounts);
          const call = client.reducers.move({ client: number, n, from, to: (from + 1) % accounts });
          void call.confirmed.then(() => confirmed++);
        }
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    });

    for (let kill = 0; kill < kills; kill++) {
      const before = confirmed;
      await until(() => confirmed > before);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 200));
      server?.kill('SIGKILL');
      await once(server as ChildProcess, 'exit');
      await start(folder, port);
    }
    isOver = true;
    await Promise.all(load);
    await until(() => clients.every(({ status }) => status.pending === 0));
    const total = made.reduce((sum, each) => sum + each, 0);
    expect(confirmed).toBe(total);
    await Promise.all(clients.map((client) => client.close()));
    server?.kill('SIGKILL');
    await once(server as ChildProcess, 'exit');

    const { authority, close } = await serve({ module: bank, data: folder, port: 0 });
    const { engine } = authority;
    for (const [number, count] of made.entries()) {
      const { rows } = engine.select('SELECT n FROM entry WHERE client = ?', [number]);
      expect(rows.map(([n]) => Number(n)).sort((a, b) => a - b)).toEqual(
        Array.from({ length: count }, (_, i) => i + 1),
      );
    }
    expect(engine.select('SELECT count(DISTINCT id) FROM entry').rows).toEqual([[total]]);
    expect(engine.select('SELECT sum(balance) FROM account').rows).toEqual([[accounts * Number(balance)]]);
    expect(authority.durableSeq).toBe(total + 1);
    await close();
  },
  60_000 + kills * 6_000,
);
