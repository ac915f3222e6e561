/** The operations board: the day's figures and charts, and all flights, live and to be corrected by everybody. */

import { useClient, useLive } from 'forerun/react';
import { count, sum } from 'forerun';
import { lazy, type ReactElement, Suspense, useState } from 'react';
import { Figures } from './figures.tsx';
import { FlightList } from './flight-list.tsx';
import { Hours } from './hours.tsx';
import type * as flights from './module.ts';
import { Queue } from './queue.tsx';
import './flights.css';

/** Minutes of delay, both ends included; undefined is no bound. */
const ranges = [
  { name: 'Any delay', from: undefined, to: undefined },
  { name: 'On time or early', from: undefined, to: 0 },
  { name: 'Over 15 minutes', from: 16, to: undefined },
  { name: 'Over an hour', from: 61, to: undefined },
  { name: 'Over three hours', from: 181, to: undefined },
] as const;

/** The chart's library comes when the rest of the page is there. */
const Delays = lazy(async () => ({ default: (await import('./delays.tsx')).Delays }));

const orders = ['By time', 'Latest first'] as const;

export function Board(): ReactElement {
  const { flight } = useClient<typeof flights>().tables;
  const [hour, setHour] = useState<number>();
  const [range, setRange] = useState(0);
  const [order, setOrder] = useState(0);
  // Kept up to date row by row: an edit costs the same whether there are two thousand flights or two hundred thousand.
  const hours = useLive(
    flight.groupBy((f) => f.hour).select((f) => ({ hour: f.hour, flights: count(), delay: sum(f.delay) })),
  );
  const delays = useLive(flight.groupBy((f) => f.delay).select((f) => ({ delay: f.delay, flights: count() })));

  return (
    <div className="board">
      <Queue />
      <Figures delays={delays} />
      <div className="charts">
        <Hours hours={hours} chosen={hour} onChoose={setHour} />
        <Suspense fallback={<figure className="delays" />}>
          <Delays delays={delays} />
        </Suspense>
      </div>
      <section className="list" aria-label="Flights">
        <div className="filters">
          <Choice label="Delay" value={range} names={ranges.map(({ name }) => name)} onChange={setRange} />
          <Choice label="Order" value={order} names={orders} onChange={setOrder} />
          {hour !== undefined && (
            <button className="button" type="button" onClick={() => setHour(undefined)}>
              {hour}:00 to {hour}:59 ✕<span className="hidden"> show all hours</span>
            </button>
          )}
        </div>
        <FlightList {...(ranges[range] ?? ranges[0])} hour={hour} isLatestFirst={order === 1} />
      </section>
    </div>
  );
}

function Choice({
  label,
  value,
  names,
  onChange,
}: {
  readonly label: string;
  readonly value: number;
  readonly names: readonly string[];
  readonly onChange: (chosen: number) => void;
}): ReactElement {
  return (
    <select
      className="field"
      aria-label={label}
      value={value}
      onChange={({ target }) => onChange(Number(target.value))}
    >
      {names.map((name, i) => (
        <option key={name} value={i}>
          {name}
        </option>
      ))}
    </select>
  );
}
