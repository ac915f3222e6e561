/** How many flights were how late, as a chart. */

import { type ReactElement, useLayoutEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

export interface DelayGroup {
  readonly delay: number;
  readonly flights: number;
}

const stepMinutes = 5;
const leastMinutes = -30;
const mostMinutes = 120;
const chartHeight = 150;

export function Delays({ delays }: { readonly delays: readonly DelayGroup[] }): ReactElement {
  const parent = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot>(undefined);
  useLayoutEffect(() => {
    const element = parent.current;
    if (element === null) return;
    const made = new uPlot(options(element), [[], []], element);
    chart.current = made;
    const fit = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: chartHeight }));
    fit.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const recolour = (): void => made.redraw();
    scheme.addEventListener('change', recolour);
    return () => {
      fit.disconnect();
      scheme.removeEventListener('change', recolour);
      made.destroy();
    };
  }, []);
  // Before the frame is painted: it shows rows, figures and charts of one moment.
  useLayoutEffect(() => chart.current?.setData(steps(delays)), [delays]);
  const late = delays.reduce((sum, { delay, flights }) => sum + (delay > 15 ? flights : 0), 0);
  return (
    <figure className="delays">
      <figcaption>
        Flights by delay <span className="soft small">– in steps of five minutes</span>
      </figcaption>
      <div ref={parent} role="img" aria-label={`${late.toLocaleString('en')} flights were over 15 minutes late`} />
    </figure>
  );
}

/** Minutes, and how many flights of each step. What is outside counts in the first and the last. */
function steps(delays: readonly DelayGroup[]): [number[], number[]] {
  const minutes: number[] = [];
  for (let at = leastMinutes; at <= mostMinutes; at += stepMinutes) minutes.push(at);
  const counts = minutes.map(() => 0);
  for (const { delay, flights } of delays) {
    const bounded = Math.min(mostMinutes, Math.max(leastMinutes, delay));
    const at = Math.floor((bounded - leastMinutes) / stepMinutes);
    counts[at] = (counts[at] ?? 0) + flights;
  }
  return [minutes, counts];
}

function options(element: HTMLElement): uPlot.Options {
  const colour = (name: string) => (): string => {
    // A canvas does not know light-dark(): the browser works it out for an element.
    element.style.color = `var(--${name})`;
    const { color } = getComputedStyle(element);
    element.style.color = '';
    return color;
  };
  const axis = { stroke: colour('ink-soft'), ticks: { show: false }, font: '11px system-ui, sans-serif' };
  return {
    width: element.clientWidth,
    height: chartHeight,
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: false }, y: { range: (_, __, most) => [0, Math.max(1, most * 1.05)] } },
    axes: [
      { ...axis, grid: { show: false }, size: 24, values: (_, minutes) => minutes.map((each) => `${each} min`) },
      { ...axis, grid: { stroke: colour('line'), width: 1 }, size: 48, space: 36 },
    ],
    series: [
      {},
      {
        stroke: colour('accent'),
        fill: colour('accent'),
        width: 0,
        points: { show: false },
        ...(uPlot.paths.bars && { paths: uPlot.paths.bars({ size: [0.82, 40], align: 1 }) }),
      },
    ],
  };
}
