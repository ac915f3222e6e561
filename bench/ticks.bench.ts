/**
 * `npm run bench -- ticks [--rate 100000] [--seconds 20]`: two clocks of sixty ticks a second, one for each answer to
 * being late, while transfers are made beside them (`--rate 0`: as many as there can be). How many ticks a second there
 * were, how late they were behind their grid, and how many were missed; beside what a bare timer keeps to in a process
 * that does nothing else, at the same time on the same machine.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type GridReport, gridReport } from './ticks/grid.ts';
import { intervalMicros } from './ticks/module.ts';
import type { TickReport } from './ticks/server.ts';
import type { LoadReport } from './transfer/client.ts';
import { startChild } from './transfer/processes.ts';

const calmMs = 3_000;
const warmUpMs = 2_000;
const load = { connections: 64, inFlight: 40, alpha: 0 } as const;

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { rate: { type: 'string', default: '100000' }, seconds: { type: 'string', default: '20' } },
  });
  const rate = Number(values.rate);
  const folder = mkdtempSync(join(tmpdir(), 'forerun-bench-'));
  try {
    const server = startChild('../ticks/server.ts', [folder]);
    const { url } = await server.message<{ url: string }>('listening');
    const take = (): Promise<TickReport> => {
      server.process.send('take');
      return server.message('ticks');
    };
    await sleep(500);
    await take();
    const bare = startBareTimer();
    await sleep(calmMs);
    const calm = await take();
    const bareCalm = bare.take();
    const client = startChild('./client.ts');
    client.process.send({
      ...load,
      url,
      ...(rate > 0 && { rate }),
      module: new URL('./ticks/module.ts', import.meta.url).href,
      warmUpMs,
      measureMs: Number(values.seconds) * 1_000,
    });
    await client.message('measuring');
    const warm = await take();
    const bareWarm = bare.take();
    await client.message('measured');
    const busy = await take();
    const bareBusy = bare.stop();
    const { tps } = await client.message<LoadReport>('report');
    server.process.send('stop');
    await server.exited;

    const skip = gridReport({ calm: calm.skip, warmUp: warm.skip.length, busy: busy.skip }, false);
    const catchUp = gridReport({ calm: calm.catchUp, warmUp: warm.catchUp.length, busy: busy.catchUp }, true);
    const floor = gridReport({ calm: bareCalm, warmUp: bareWarm.length, busy: bareBusy }, false);
    console.log(`beside ${tps} transfers/s; ${calm.batches} batches for ${calm.skip.length} ticks of each before`);
    for (const [name, report] of Object.entries({ skip, catchUp, 'bare timer': floor })) print(name, report);
    console.log(
      JSON.stringify({
        bench: 'ticks',
        tps,
        skip_hz: skip.rate,
        skip_late_p50_ms: skip.lateP50Ms,
        skip_late_p99_ms: skip.lateP99Ms,
        skip_missed: skip.missed,
        catch_up_hz: catchUp.rate,
        catch_up_late_p50_ms: catchUp.lateP50Ms,
        catch_up_late_p99_ms: catchUp.lateP99Ms,
        catch_up_missed: catchUp.missed,
        floor_hz: floor.rate,
        floor_late_p50_ms: floor.lateP50Ms,
        floor_late_p99_ms: floor.lateP99Ms,
        floor_missed: floor.missed,
      }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function print(name: string, { rate, lateP50Ms, lateP99Ms, lateMaxMs, missed }: GridReport): void {
  console.log(
    `${name.padEnd(12)} ${rate} Hz   late by p50 ${lateP50Ms} ms   p99 ${lateP99Ms} ms   at most ${lateMaxMs} ms   missed ${missed}`,
  );
}

/** A timer that is set for the next point of its grid each time, and does nothing else. */
function startBareTimer(): { readonly take: () => number[]; readonly stop: () => number[] } {
  const intervalMs = intervalMicros / 1_000;
  let ran: number[] = [];
  let dueMs = performance.now() + intervalMs;
  let timer: NodeJS.Timeout | undefined;
  const next = (): void => {
    timer = setTimeout(
      () => {
        const nowMs = performance.now();
        // Timers may go off a little early.
        if (nowMs >= dueMs) {
          ran.push(nowMs);
          dueMs += (Math.floor((nowMs - dueMs) / intervalMs) + 1) * intervalMs;
        }
        next();
      },
      Math.ceil(dueMs - performance.now()),
    );
  };
  next();
  const take = (): number[] => {
    const taken = ran;
    ran = [];
    return taken;
  };
  return {
    take,
    stop: () => {
      clearTimeout(timer);
      return take();
    },
  };
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
