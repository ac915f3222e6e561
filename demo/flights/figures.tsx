/** The day in four figures. */

import { useLive } from 'forerun/react';
import type { ReactElement } from 'react';

interface Totals {
  readonly flights: number;
  readonly average: number | null;
  readonly late: number | null;
  readonly longest: number | null;
}

const totals = `
  SELECT count(*) AS flights, avg(delay) AS average, avg(delay > 15) AS late, max(delay) AS longest
  FROM flight`;

export function Figures(): ReactElement {
  const [day] = useLive<Totals>(totals);
  return (
    <dl className="figures" aria-label="The day in figures">
      <Figure name="Flights" value={day?.flights.toLocaleString('en')} />
      <Figure name="Average delay" value={day?.average?.toFixed(2)} unit="min" />
      <Figure name="Late by over 15 min" value={day?.late === null ? undefined : percent(day?.late)} unit="%" />
      <Figure name="Longest delay" value={day?.longest?.toLocaleString('en')} unit="min" />
    </dl>
  );
}

function percent(share: number | undefined): string | undefined {
  return share === undefined ? undefined : (100 * share).toFixed(2);
}

function Figure({
  name,
  value = '–',
  unit,
}: {
  readonly name: string;
  readonly value?: string | undefined;
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
