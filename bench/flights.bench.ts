/**
 * `npm run bench -- flights`: the operations board with 200,000 flights in Chromium, as in production. From
 * the page's opening to all figures; from an edit (a key that is pressed) to the figures and to the chart that show it; and
 * the tasks of the main thread over 50 ms while it loads, scrolls, filters and edits. Floor: one frame, as an empty page
 * has them.
 */

import type { Page } from 'playwright';
import { Demos } from '../test/e2e/demos/demos.testing.ts';

const flightCount = 200_000;
const edits = 20;

export async function run(): Promise<void> {
  const demos = await Demos.start({ flights: flightCount, built: true });
  try {
    const { page, loadMs } = await opened(demos);
    const loading = await longTasks(page);
    await page.evaluate(scroll);
    const scrolling = await longTasks(page);
    for (const range of ['Over an hour', 'Over 15 minutes', 'On time or early', 'Any delay'])
      await filter(page, () => page.getByLabel('Delay', { exact: true }).selectOption(range));
    for (const hour of ['17', '6'])
      await filter(page, () => page.getByRole('button', { name: new RegExp(`^${hour} o’clock`) }).click());
    await page.getByRole('button', { name: /^6 o’clock/ }).click();
    await page.getByText(`${flightCount.toLocaleString('en')} flights`, { exact: true }).waitFor();
    const filtering = await longTasks(page);
    await page.locator('.scroller').evaluate((list) => list.scrollTo({ top: 0 }));
    await page.getByLabel('Delay of flight 3', { exact: true }).waitFor();
    const times: Edit[] = [];
    for (let i = 0; i < edits; i++) times.push(await page.evaluate(edit, 200 + i));
    const editing = await longTasks(page);
    const figures = times.map(({ figuresMs }) => figuresMs);
    const charts = times.map(({ chartMs }) => chartMs);
    console.log(
      JSON.stringify({
        bench: 'flights',
        flights: flightCount,
        load_ms: Math.round(loadMs),
        edit_to_figures_ms_p50: share(figures, 0.5),
        edit_to_figures_ms_max: share(figures, 1),
        edit_to_chart_ms_p50: share(charts, 0.5),
        edit_to_chart_ms_max: share(charts, 1),
        long_tasks_loading: loading.length,
        long_tasks_scrolling: scrolling.length,
        long_tasks_filtering: filtering.length,
        long_tasks_editing: editing.length,
        longest_task_ms: Math.round(Math.max(0, ...loading, ...scrolling, ...filtering, ...editing)),
        frame_ms: share(await page.evaluate(frames), 0.5),
      }),
    );
  } finally {
    await demos.remove();
  }
}

/** A page of somebody new that shows all flights. */
async function opened(demos: Demos): Promise<{ readonly page: Page; readonly loadMs: number }> {
  const before = performance.now();
  const page = await demos.open('/flights/', 'Ada', 0, watchTasks);
  await page.locator('[data-figure=Flights]', { hasText: flightCount.toLocaleString('en') }).waitFor();
  await page.getByText('Live', { exact: true }).waitFor();
  return { page, loadMs: performance.now() - before };
}

declare global {
  interface Window {
    /** Milliseconds of the main thread's tasks over 50 ms. */
    tasks: number[];
  }
}

const watchTasks = `
  window.tasks = [];
  new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: 'longtask' });`;

/** Those since the last time. */
async function longTasks(page: Page): Promise<number[]> {
  // An observer is told after the task.
  await page.evaluate(frames);
  return page.evaluate(() => window.tasks.splice(0));
}

/** Another question, until its answer is in the list. */
async function filter(page: Page, ask: () => Promise<unknown>): Promise<void> {
  const before = await page.locator('.total').textContent();
  await ask();
  await page.waitForFunction(
    (text) => {
      const list = document.querySelector('.scroller');
      return list?.querySelector('.total')?.textContent !== text && list?.querySelector('tr.waiting') === null;
    },
    before,
    { polling: 'raf' },
  );
}

/** Through the whole list, in jumps and in steps. */
async function scroll(): Promise<void> {
  const list = document.querySelector('.scroller');
  if (list === null) throw new Error('there is no list');
  for (let i = 1; i <= 120; i++) {
    list.scrollTop += i % 10 === 0 ? list.scrollHeight / 14 : 900;
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
}

interface Edit {
  readonly figuresMs: number;
  readonly chartMs: number;
}

/** Sets the delay of flight 3: until the figure is another, and until the chart is drawn after that. */
function edit(delay: number): Promise<Edit> {
  const cell = document.querySelector<HTMLInputElement>('[aria-label="Delay of flight 3"]');
  const figure = document.querySelector('[data-figure="All delays together"]');
  const chart = document.querySelector('canvas')?.getContext('2d');
  if (cell === null || figure === null || chart === null || chart === undefined) throw new Error('there is no board');
  return new Promise((resolve) => {
    let figuresMs = 0;
    let madeMs = 0;
    const observer = new MutationObserver(() => {
      figuresMs = performance.now() - madeMs;
      observer.disconnect();
    });
    observer.observe(figure, { subtree: true, childList: true, characterData: true });
    const { clearRect } = chart;
    chart.clearRect = (...area) => {
      clearRect.apply(chart, area);
      chart.clearRect = clearRect;
      const chartMs = performance.now() - madeMs;
      // The chart may be drawn before observers are told.
      queueMicrotask(() => setTimeout(() => resolve({ figuresMs, chartMs })));
    };
    cell.value = String(delay);
    madeMs = performance.now();
    cell.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
  });
}

async function frames(): Promise<number[]> {
  const times: number[] = [];
  let before = performance.now();
  for (let i = 0; i < 30; i++) {
    const next = await new Promise<number>((resolve) => requestAnimationFrame(resolve));
    times.push(next - before);
    before = next;
  }
  return times;
}

function share(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0) * 10) / 10;
}
