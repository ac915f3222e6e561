/**
 * kill -9 of a real server, also while it starts and while it writes its tables, under clients that are nothing but the
 * wire: whatever is lost or doubled here, the server lost or doubled.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { CallId } from '../../core/commit/call.ts';
import { defineModule } from '../../core/module/module.ts';
import * as bank from './bank.ts';
import { accountCount, initialBalance } from './bank.ts';
import { WireClient } from './wire-client.ts';

const definition = defineModule(bank);
const kills = 12;
const clientCount = 4;
const inFlight = 25;

type Transfer = { readonly id: string; readonly from: number; readonly to: number; readonly amount: bigint };

/** A client and what it has sent. */
interface Teller {
  readonly client: WireClient;
  readonly sent: Map<CallId, Transfer>;
}

/** The server as a process, killed at the latest when the test ends. */
function startServer(folder: string): { child: ChildProcess; url: Promise<string> } {
  const child = fork(join(import.meta.dirname, 'bank-server.ts'), [folder], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return { child, url: once(child, 'message').then(([url]) => url as string) };
}

/** Keeps calls in flight until the connection ends. */
async function work({ client, sent }: Teller, url: string): Promise<void> {
  try {
    await client.connect(url);
    for (;;) {
      const transfers = Array.from({ length: inFlight - client.pendingCount }, (_, n): Transfer => {
        const from = Math.floor(Math.random() * accountCount);
        const to = (from + 1 + Math.floor(Math.random() * (accountCount - 1))) % accountCount;
        return {
          id: `${client.clientId.slice(0, 8)}/${sent.size + n}`,
          from,
          to,
          amount: BigInt(Math.floor(Math.random() * 100)),
        };
      });
      for (const [n, callId] of client.call('transfer', ...transfers).entries())
        sent.set(callId, transfers[n] as Transfer);
      await client.until(() => client.pendingCount < inFlight / 2);
      client.acknowledge();
    }
  } catch {
    // The server was killed, as it should be.
  }
}

test('[EXO-1] [EXO-3] [AUT-8] [AUT-10] whenever the server is killed, each acknowledged call is there exactly once, and nothing half', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'forerun-kill-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const tellers = Array.from(
    { length: clientCount },
    (): Teller => ({ client: new WireClient({ definition }), sent: new Map() }),
  );

  for (let kill = 0; kill < kills; kill++) {
    const { child, url } = startServer(folder);
    // One in four dies while it starts.
    const served = kill % 4 === 3 ? undefined : url.then((address) => tellers.map((teller) => work(teller, address)));
    if (served !== undefined) await served;
    // Any instant will do, so there is nothing to wait for.
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 400));
    child.kill('SIGKILL');
    await once(child, 'exit');
    await Promise.all((await served) ?? []);
  }

  const { url } = startServer(folder);
  const address = await url;
  let acknowledged = 0;
  for (const { client, sent } of tellers) {
    await client.connect(address);
    await client.until(() => client.pendingCount === 0);
    expect(client.outcomes.size).toBe(sent.size);
    acknowledged += client.outcomes.size;
    for (const outcome of client.outcomes.values()) expect(outcome.type).toBe('committed');
  }
  // Each kill but those at the start met work under way.
  expect(acknowledged).toBeGreaterThan(kills * inFlight);

  const auditor = new WireClient({ definition });
  await auditor.connect(address);
  const transfers = new Map(
    tellers.flatMap(({ sent }) => [...sent.values()]).map((transfer) => [transfer.id, transfer]),
  );
  const balances: bigint[] = Array(accountCount).fill(BigInt(initialBalance));
  const receipts = auditor.rows('receipt');
  expect(receipts.length).toBe(transfers.size);
  for (const { id, times, ...done } of receipts) {
    const { id: _, ...sent } = transfers.get(id as string) as Transfer;
    expect(times).toBe(1);
    expect(done).toEqual(sent);
    balances[sent.from] = (balances[sent.from] as bigint) - sent.amount;
    balances[sent.to] = (balances[sent.to] as bigint) + sent.amount;
  }
  expect(auditor.rows('account').map(({ id, balance }) => [id, balance])).toEqual(
    balances.map((balance, id) => [id, balance]),
  );
  // Of all the connections that the kills cut, none is left.
  expect(auditor.rows('online').length).toBe(clientCount + 1);
  for (const { client } of [...tellers, { client: auditor }]) client.close();
}, 120_000);
