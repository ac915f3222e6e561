/**
 * `npm run bench -- memory [--rows 1000000]`: what a server takes for so many account rows, after making them and after
 * starting again with them, beside a process that has only started Node and the server without rows.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startChild } from './transfer/processes.ts';

interface MemoryReport {
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
  readonly arrayBuffers: number;
  readonly count: number;
  readonly startedMs: number;
}

const mb = (bytes: number): number => Math.round(bytes / 1e6);

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { rows: { type: 'string', default: '1000000' } } });
  const rows = Number(values.rows);
  const empty = await inFolder((folder) => serverWith(folder, 0));
  const [made, restarted] = await inFolder(async (folder) => [
    await serverWith(folder, rows),
    await serverWith(folder, 0),
  ]);
  if (made.count !== rows || restarted.count !== rows) throw new Error(`not all rows are there: ${restarted.count}`);
  print('without rows', empty);
  print('made', made);
  print('started again', restarted);
  console.log(
    JSON.stringify({
      bench: 'memory',
      rows,
      made_mb: mb(made.rss),
      restarted_mb: mb(restarted.rss),
      empty_mb: mb(empty.rss),
      start_ms: restarted.startedMs,
    }),
  );
}

function print(name: string, { rss, heapUsed, external, arrayBuffers, startedMs }: MemoryReport): void {
  console.log(
    `${name.padEnd(14)} ${mb(rss)} MB   heap ${mb(heapUsed)}   external ${mb(external)}, of it buffers ${mb(arrayBuffers)}   started in ${startedMs} ms`,
  );
}

async function serverWith(folder: string, rows: number): Promise<MemoryReport> {
  const child = startChild('../memory/server.ts', [folder, String(rows)]);
  const report = await child.message<MemoryReport>('report');
  child.process.send('stop');
  await child.exited;
  return report;
}

async function inFolder<T>(task: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'forerun-bench-'));
  try {
    return await task(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
