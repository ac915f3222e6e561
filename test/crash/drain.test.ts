/** SIGTERM of a real server under load: it ends by itself, with 0, and leaves nothing undone. */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { defineModule } from '../../core/module/module.ts';
import { checkDatabase } from '../../server/log/check.ts';
import { openCheckpoint } from '../../server/log/checkpoint-reader.ts';
import { describeModule } from '../../server/module-change.ts';
import * as bank from './bank.ts';
import { WireClient } from './wire-client.ts';

const definition = defineModule(bank);

test('[AUT-15] a server that is told to stop makes everything durable, ends its connections and exits with 0 in time', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'forerun-drain-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const child = fork(join(import.meta.dirname, 'bank-server.ts'), [folder], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [address] = (await once(child, 'message')) as [string];
  const clients = [1, 2, 3].map(() => new WireClient({ definition }));
  let committed = 0;
  const load = clients.map(async (client, number) => {
    try {
      await client.connect(address);
      for (let n = 0; ; n++) {
        await client.run('transfer', { id: `${number}/${n}`, from: n % 7, to: 7, amount: 1n });
        committed++;
      }
    } catch {
      // The connection ended, as it should.
    }
  });
  while (committed < 30) await new Promise((resolve) => setTimeout(resolve, 5));
  const told = performance.now();
  child.kill('SIGTERM');
  const [code, signal] = await once(child, 'exit');
  const tookMs = performance.now() - told;
  expect([code, signal]).toEqual([0, null]);
  expect(tookMs).toBeLessThan(5_000);
  await Promise.all(load);

  const path = join(folder, 'main.sqlite');
  const { checkpoint, close } = openCheckpoint(path, describeModule(definition));
  onTestFinished(close);
  expect([...checkpoint.rows('receipt')].length).toBeGreaterThanOrEqual(committed);
  // `clientDisconnected` has run for each: nothing is left for the next start to do.
  expect([checkpoint.connections, [...checkpoint.rows('online')]]).toEqual([[], []]);
  expect(checkDatabase(path)).toMatchObject({ problems: [], seq: checkpoint.seq });
}, 60_000);
