/**
 * `npm run bench -- arena [BOTS]`: the arena with 100 pilots from Node, each a client with a replica of its
 * own, all in one process, beside one page in Chromium that flies among them: frames of the page, ticks of the server and
 * calls of the bots a second. Floors: the same page before the bots come, and an empty page.
 */

import type { Page } from 'playwright';
import { Child } from '../test/e2e/child.testing.ts';
import { Demos, replica } from '../test/e2e/demos/demos.testing.ts';

const measureMs = 10_000;
const reportsMeasured = 2;

export async function run([bots = '100']: readonly string[]): Promise<void> {
  const demos = await Demos.start({ flights: 1 });
  try {
    const empty = await demos.open('/icon.svg');
    const floor = await framesOf(empty);
    await empty.close();
    const page = await demos.open('/arena/', 'Racer');
    await page.getByText(/^Health \d/).waitFor();
    await page.locator('canvas').press('KeyD');
    const alone = await framesOf(page);

    const swarm = new Child('demo/arena/bots.ts', [bots, `http://localhost:${demos.wire.target}`]);
    await swarm.says(new RegExp(`^${bots} of ${bots} flying`, 'm'));
    const among = await framesOf(page);
    let callsPerSecond = 0;
    for (let i = 0; i < reportsMeasured; i++)
      callsPerSecond += Number.parseInt(await swarm.says(/\d+(?= calls\/s)/), 10) / reportsMeasured;
    const [count] = await replica(
      page,
      'arena',
      'SELECT (SELECT count(*) FROM ship) AS ships, (SELECT count(*) FROM gem) AS gems',
    );
    await swarm.kill();
    const [ships, gems] = [Number(count?.['ships']), Number(count?.['gems'])];
    console.log(
      JSON.stringify({
        bench: 'arena',
        bots: Number(bots),
        entities: ships + gems,
        frames_per_second: among.framesPerSecond,
        frame_ms_p95: among.frameMsP95,
        work_ms_p95: among.workMs,
        ticks_per_second: among.ticksPerSecond,
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
