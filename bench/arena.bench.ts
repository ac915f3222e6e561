/**
 * `npm run bench -- arena [BOTS]`: the arena with 100 pilots from Node, each a client with a replica of its
 * own, all in one process, beside one page in Chromium that flies among them, as in production: frames of the page, ticks of
 * the server with how late they are, and calls of the bots a second. Floors: the same page before the bots come, and an
 * empty page.
 */

import { connect } from 'forerun/client';
import type { Page } from 'playwright';
import * as arena from '../demo/arena/module.ts';
import { Child } from '../test/e2e/child.testing.ts';
import { Demos } from '../test/e2e/demos/demos.testing.ts';

const measureMs = 10_000;
const reportsMeasured = 2;

export async function run([bots = '100']: readonly string[]): Promise<void> {
  const demos = await Demos.start({ flights: 1, built: true });
  try {
    const empty = await demos.open('/icon.svg');
    const floor = await framesOf(empty);
    await empty.close();
    const page = await demos.open('/arena/', 'Racer');
    await page.getByText(/^Health \d/).waitFor();
    await page.locator('canvas').press('KeyD');
    const alone = await framesOf(page);

    const url = `http://localhost:${demos.wire.target}`;
    const swarm = new Child('demo/arena/bots.ts', [bots, url], { NODE_ENV: 'production' });
    await swarm.says(new RegExp(`^${bots} of ${bots} flying`, 'm'));
    const ticks = followTicks(url);
    const among = await framesOf(page);
    const ticked = await ticks.end();
    let callsPerSecond = 0;
    for (let i = 0; i < reportsMeasured; i++)
      callsPerSecond += Number.parseInt(await swarm.says(/\d+(?= calls\/s)/), 10) / reportsMeasured;
    const [ships, gems] = await Promise.all(
      ['ship', 'gem'].map((table) => demos.asked('arena', `SELECT * FROM ${table}`)),
    );
    await swarm.kill();
    console.log(
      JSON.stringify({
        bench: 'arena',
        bots: Number(bots),
        entities: (ships?.length ?? 0) + (gems?.length ?? 0),
        frames_per_second: among.framesPerSecond,
        frame_ms_p95: among.frameMsP95,
        work_ms_p95: among.workMs,
        ...ticked,
        calls_per_second: Math.round(callsPerSecond),
        own_corrections: among.corrections,
        long_tasks: among.longTasks,
        alone_frames_per_second: alone.framesPerSecond,
        alone_work_ms_p95: alone.workMs,
        alone_ticks_per_second: alone.ticksPerSecond,
        empty_frames_per_second: floor.framesPerSecond,
      }),
    );
  } finally {
    await demos.remove();
  }
}

/** The server's ticks, by what it says when each of them ran. They are due on a grid. */
function followTicks(url: string): { readonly end: () => Promise<Ticked> } {
  const subscribe = ['SELECT * FROM pulse'];
  const client = connect({ module: arena, database: 'arena', url, guard: false, subscribe });
  const times: number[] = [];
  client.tables.pulse.onInsert(({ atMs }) => times.push(atMs));
  return {
    end: async () => {
      await client.close();
      const [first = 0, last = first] = [times[0], times.at(-1)];
      // The grid is the one by which they are the least late; clocks read a little early at times.
      const lateBy = (start: number): number[] =>
        times.map((each) => ((each - start + 1 + arena.tickMs * times.length) % arena.tickMs) - 1);
      const total = (start: number): number => lateBy(start).reduce((sum, each) => sum + each, 0);
      const start = times.reduce((best, each) => (total(each) < total(best) ? each : best), first);
      const late = lateBy(start).toSorted((a, b) => a - b);
      const gaps = times.slice(1).map((each, i) => each - (times[i] ?? 0));
      const round = (value = 0): number => Math.round(value * 10) / 10;
      return {
        ticks_per_second: round((1_000 * gaps.length) / (last - first)),
        tick_late_ms_p50: round(late[late.length >> 1]),
        tick_late_ms_p99: round(late[Math.floor(late.length * 0.99)]),
        tick_gap_ms_max: round(Math.max(...gaps)),
      };
    },
  };
}

interface Ticked {
  readonly ticks_per_second: number;
  readonly tick_late_ms_p50: number;
  readonly tick_late_ms_p99: number;
  readonly tick_gap_ms_max: number;
}

interface Frames {
  readonly framesPerSecond: number;
  readonly frameMsP95: number;
  readonly workMs: number;
  readonly ticksPerSecond: number;
  readonly corrections: number;
  /** Of the main thread, over 50 ms. */
  readonly longTasks: number;
}

/** What the page shows of itself, and its frames counted beside that. */
function framesOf(page: Page): Promise<Frames> {
  return page.evaluate(async (forMs) => {
    const shown = (name: string): number =>
      Number(document.querySelector(`[data-figure="${name}"]`)?.textContent ?? Number.NaN);
    let longTasks = 0;
    const observer = new PerformanceObserver((list) => (longTasks += list.getEntries().length));
    observer.observe({ type: 'longtask' });
    const [correctionsBefore, startedMs] = [shown('own corrections'), performance.now()];
    const times: number[] = [];
    const ticks: number[] = [];
    let frame = performance.now();
    while (performance.now() - startedMs < forMs) {
      const next = await new Promise<number>((resolve) => requestAnimationFrame(resolve));
      times.push(next - frame);
      if (Math.floor(next / 1_000) !== Math.floor(frame / 1_000)) ticks.push(shown('ticks'));
      frame = next;
    }
    observer.disconnect();
    const seconds = (performance.now() - startedMs) / 1_000;
    const sorted = times.toSorted((a, b) => a - b);
    const round = (value: number): number => Math.round(value * 10) / 10;
    return {
      framesPerSecond: round(times.length / seconds),
      frameMsP95: round(sorted[Math.floor(sorted.length * 0.95)] ?? 0),
      workMs: shown('work'),
      ticksPerSecond: round(ticks.reduce((sum, each) => sum + each, 0) / ticks.length),
      corrections: shown('own corrections') - correctionsBefore,
      longTasks,
    };
  }, measureMs);
}
