/**
 * `npm run bench -- baseline [--alpha 0] [--seconds 5]`: the transfer workload against Node as people write it, Hono with
 * Drizzle over better-sqlite3, and against Forerun, one after the other on the same machine. The peer's packages are
 * installed into `bench/peers` when they are first needed.
 */

import { execFileSync, fork } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type HttpLoadReport, httpLoad } from './peers/http-load.ts';
import { transferRun } from './transfer.bench.ts';
import { accountCount } from './transfer/module.ts';
import { drawPairs } from './transfer/pairs.ts';

const connections = 64;
const warmUpMs = 2_000;

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { alpha: { type: 'string', default: '0' }, seconds: { type: 'string', default: '5' } },
  });
  const alpha = Number(values.alpha);
  const measureMs = Number(values.seconds) * 1000;
  const peer = await peerRun(alpha, measureMs);
  const { load, verified } = await transferRun({ alpha, connections, inFlight: 40, warmUpMs, measureMs });
  if (!verified) throw new Error('the recovered database is not what was acknowledged');
  console.log(`Forerun                        ${load.tps} /s   p50 ${load.p50Ms} ms   p99 ${load.p99Ms} ms`);
  console.log(`Hono, Drizzle, better-sqlite3  ${peer.tps} /s   p50 ${peer.p50Ms} ms   p99 ${peer.p99Ms} ms`);
  console.log(`ratio                          ${(load.tps / peer.tps).toFixed(1)}`);
  console.log(JSON.stringify({ bench: 'baseline', tps: load.tps, peer_tps: peer.tps }));
}

async function peerRun(alpha: number, measureMs: number): Promise<HttpLoadReport> {
  const home = join(import.meta.dirname, 'peers');
  if (!existsSync(join(home, 'node_modules', 'hono'))) {
    console.log('installing the peer’s packages into bench/peers');
    execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: home, stdio: 'inherit' });
  }
  const folder = mkdtempSync(join(tmpdir(), 'forerun-bench-'));
  const child = fork(join(home, 'hono-drizzle.mjs'), [folder]);
  try {
    const port = await new Promise<number>((resolve, reject) => {
      child.once('message', (message: { readonly port: number }) => resolve(message.port));
      child.once('exit', (code) => reject(new Error(`the peer ended with ${code}`)));
    });
    return await httpLoad(port, { connections, pairs: drawPairs(accountCount, alpha, 1_000_000), warmUpMs, measureMs });
  } finally {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}
