/** The hours of the day: how many flights, and how late on average; each is a filter for the list. */

import type { CSSProperties, ReactElement } from 'react';

export interface Hour {
  readonly hour: number;
  readonly flights: number;
  /** Of all its flights together, in minutes. */
  readonly delay: number | undefined;
}

/** Minutes of average delay that are shown in the strongest colour. */
const averageMax = 30;

export function Hours({
  hours,
  chosen,
  onChoose,
}: {
  readonly hours: readonly Hour[];
  readonly chosen: number | undefined;
  readonly onChoose: (hour: number | undefined) => void;
}): ReactElement {
  const known = new Map(hours.map((each) => [each.hour, each]));
  const most = Math.max(1, ...hours.map(({ flights }) => flights));
  return (
    <figure className="hours">
      <figcaption>
        Flights by hour <span className="soft small">– the stronger, the later on average; choose one to filter</span>
      </figcaption>
      <ol>
        {Array.from({ length: 24 }, (_, hour) => {
          const { flights = 0, delay = 0 } = known.get(hour) ?? {};
          const average = (delay ?? 0) / Math.max(1, flights);
          const style: CSSProperties & Record<`--${string}`, string> = {
            '--height': `${(100 * flights) / most}%`,
            '--late': `${Math.round(100 * Math.min(1, Math.max(0, average / averageMax)))}%`,
          };
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: an hour is its place
            <li key={hour}>
              <button
                type="button"
                aria-pressed={chosen === hour}
                aria-label={`${hour} o’clock: ${flights} flights, ${average.toFixed(1)} minutes late on average`}
                title={`${hour}:00 – ${flights.toLocaleString('en')} flights, ${average.toFixed(1)} min`}
                style={style}
                onClick={() => onChoose(chosen === hour ? undefined : hour)}
              >
                <span className="hour">{hour}</span>
              </button>
            </li>
          );
        })}
      </ol>
    </figure>
  );
}
