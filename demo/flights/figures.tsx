/** The day in four figures. */

import type { ReactElement } from 'react';
import type { Hour } from './hours.tsx';

export function Figures({ hours }: { readonly hours: readonly Hour[] }): ReactElement {
  const flights = sum(hours, (each) => each.flights);
  const delay = sum(hours, (each) => each.delay);
  const late = sum(hours, (each) => each.late);
  const isKnown = flights > 0;
  return (
    <dl className="figures" aria-label="The day in figures">
      <Figure name="Flights" value={flights.toLocaleString('en')} />
      <Figure name="Average delay" value={isKnown ? (delay / flights).toFixed(2) : '–'} unit="min" />
      <Figure name="Late by over 15 min" value={isKnown ? ((100 * late) / flights).toFixed(2) : '–'} unit="%" />
      <Figure name="All delays together" value={delay.toLocaleString('en')} unit="min" />
    </dl>
  );
}

function sum(hours: readonly Hour[], of: (hour: Hour) => number): number {
  return hours.reduce((total, hour) => total + of(hour), 0);
}

function Figure({
  name,
  value,
  unit,
}: {
  readonly name: string;
  readonly value: string;
  readonly unit?: string;
}): ReactElement {
  return (
    <div>
      <dt>{name}</dt>
      <dd data-figure={name}>
        {value}
        {unit !== undefined && <span className="unit"> {unit}</span>}
      </dd>
    </div>
  );
}
