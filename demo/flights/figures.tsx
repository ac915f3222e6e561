/** The day in four figures. */

import type { ReactElement } from 'react';
import type { DelayGroup } from './delays.tsx';

export function Figures({ delays }: { readonly delays: readonly DelayGroup[] }): ReactElement {
  let [flights, minutes, late] = [0, 0, 0];
  for (const group of delays) {
    flights += group.flights;
    minutes += group.delay * group.flights;
    if (group.delay > 15) late += group.flights;
  }
  const isKnown = flights > 0;
  return (
    <dl className="figures" aria-label="The day in figures">
      <Figure name="Flights" value={flights.toLocaleString('en')} />
      <Figure name="Average delay" value={isKnown ? (minutes / flights).toFixed(2) : '–'} unit="min" />
      <Figure name="Late by over 15 min" value={isKnown ? ((100 * late) / flights).toFixed(2) : '–'} unit="%" />
      <Figure name="All delays together" value={minutes.toLocaleString('en')} unit="min" />
    </dl>
  );
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
