/** A disk that runs full under a real server, and has room again: a small tmpfs, where this user may mount one. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { CallId } from '../../core/commit/call.ts';
import { defineModule } from '../../core/module/module.ts';
import { checkDatabase } from '../../server/log/check.ts';
import { serve } from '../../server/serve.ts';
import * as bank from './bank.ts';
import { accountCount, initialBalance } from './bank.ts';
import { WireClient } from './wire-client.ts';

const definition = defineModule(bank);
const diskBytes = 4 * 1024 * 1024;
/** What is left when the filler is there. */
const roomBytes = 700_000;

/** Undefined where it is not allowed. The same without a mount, with a file that may not grow: server/log/sqlite-log.test.ts. */
function smallDisk(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'forerun-full-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'tmpfs', folder], { stdio: 'ignore' });
    return folder;
  } catch {
    rmSync(folder, { recursive: true });
    return undefined;
  }
}

const disk = smallDisk();

test.skipIf(disk === undefined)(
  '[AUT-4] [AUT-5] a full disk is told of and refused, loses nothing acknowledged, and is over when there is room',
  async () => {
    const folder = disk as string;
    onTestFinished(() => {
      execFileSync('umount', [folder]);
      rmSync(folder, { recursive: true });
    });
    const told: string[] = [];
    const server = await serve({
      module: bank,
      data: folder,
      port: 0,
      // So that the tables are written along with the batches, which then needs room too.
      behindBytesMax: 20_000,
      diagnostics: { logFailed: (error) => void told.push(String(error)), tablesFailed: () => {} },
    });
    onTestFinished(() => server.close());
    const client = new WireClient({ definition });
    await client.connect(server.url);
    const sent = new Map<CallId, number>();
    const transfer = (count: number): void => {
      const first = sent.size;
      const calls = Array.from({ length: count }, (_, n) => ({
        id: `${first + n}/${'x'.repeat(400)}`,
        from: (first + n) % accountCount,
        to: (first + n + 1) % accountCount,
        amount: 1n,
      }));
      for (const [n, callId] of client.call('transfer', ...calls).entries()) sent.set(callId, first + n);
    };
    transfer(20);
    await client.until(() => client.pendingCount === 0);
    const { bavail, bsize } = statfsSync(folder);
    writeFileSync(join(folder, 'filler'), new Uint8Array(Math.max(0, bavail * bsize - roomBytes)));

    await expect(
      (async () => {
        for (;;) {
          transfer(20);
          await client.until(() => client.pendingCount === 0);
        }
      })(),
    ).rejects.toThrow(/log-unavailable/);
    expect(client.error).toMatchObject({ code: 'log-unavailable' });
    expect(told.join()).toMatch(/Make room on the disk/);
    expect(server.authority.failure).toMatchObject({ code: 'log-unavailable' });
    const acknowledged = client.outcomes.size;
    expect(acknowledged).toBeGreaterThan(20);
    expect(client.pendingCount).toBeGreaterThan(0);
    // Nobody else gets in meanwhile, and is told why.
    const other = new WireClient({ definition });
    await expect(other.connect(server.url)).rejects.toThrow(/log-unavailable/);

    rmSync(join(folder, 'filler'));
    for (;;) {
      if (server.authority.failure === undefined) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await client.connect(server.url);
    await client.until(() => client.pendingCount === 0);
    transfer(20);
    await client.until(() => client.pendingCount === 0);
    for (const outcome of client.outcomes.values()) expect(outcome.type).toBe('committed');
    client.close();
    await server.close();

    expect(checkDatabase(join(folder, 'main.sqlite')).problems).toEqual([]);
    const again = await serve({ module: bank, data: folder, port: 0 });
    const { engine } = again.authority;
    expect(engine.select('SELECT count(*), sum(times) FROM receipt').rows).toEqual([[sent.size, sent.size]]);
    expect(engine.select('SELECT sum(balance) FROM account').rows).toEqual([[accountCount * initialBalance]]);
    await again.close();
  },
  60_000,
);
