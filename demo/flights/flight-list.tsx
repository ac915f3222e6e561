/** All flights that are asked for, of which only those in sight are on the page and only those around it in a query. */

import { useVirtualizer } from '@tanstack/react-virtual';
import { and, count } from 'forerun';
import { useClient, useLive, useReducers, useStatus } from 'forerun/react';
import { type ReactElement, useCallback, useEffect, useMemo, useRef } from 'react';
import { type QueuedCall, useCallQueue } from '../ui/call-queue.ts';
import { queue } from './client.ts';
import { type Flight, FlightRow } from './flight-row.tsx';
import type * as flights from './module.ts';

const rowHeight = 37;
/** The query moves in steps, so that scrolling a little asks for nothing. */
const stepRows = 100;
const windowRows = 300;
/** Beyond every delay there is. */
const delayBound = 100_000;

interface Wanted {
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly hour: number | undefined;
  readonly isLatestFirst: boolean;
}

export function FlightList({ from, to, hour, isLatestFirst }: Wanted): ReactElement {
  const { flight } = useClient<typeof flights>().tables;
  const { ready } = useStatus();
  const edits = editsByFlight(useCallQueue(queue));
  const { onDelay, onNote } = useEdits();
  const scroller = useRef<HTMLDivElement>(null);

  const wanted = useMemo(
    () =>
      flight.where((f) =>
        and(
          f.delay.gte(from ?? -delayBound),
          f.delay.lte(to ?? delayBound),
          f.hour.gte(hour ?? 0),
          f.hour.lte(hour ?? 23),
        ),
      ),
    [flight, from, to, hour],
  );
  const [found] = useLive(wanted.select(() => ({ flights: count() })));
  const total = found?.flights ?? 0;

  const virtual = useVirtualizer({
    count: total,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 8,
  });
  const items = virtual.getVirtualItems();
  const start = Math.max(0, Math.floor((items[0]?.index ?? 0) / stepRows) * stepRows - stepRows);
  const ordered = isLatestFirst ? wanted.orderBy((f) => f.delay.desc()) : wanted.orderBy((f) => f.id.asc());
  const rows = useLive(ordered.limit(windowRows).offset(start));

  // biome-ignore lint/correctness/useExhaustiveDependencies: another question is answered from the top
  useEffect(() => {
    scroller.current?.scrollTo({ top: 0 });
  }, [wanted, isLatestFirst]);

  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it
    <section ref={scroller} className="scroller" tabIndex={0} aria-label="List of flights">
      <table aria-rowcount={total + 1}>
        <thead>
          <tr>
            <th scope="col" className="end">
              No.
            </th>
            <th scope="col">Time</th>
            <th scope="col" className="end wide">
              Miles
            </th>
            <th scope="col" className="end">
              Delay, min
            </th>
            <th scope="col">Note</th>
          </tr>
        </thead>
        <tbody>
          <Gap height={items[0]?.start ?? 0} />
          {items.map(({ index }) => {
            const row = rows[index - start];
            return row === undefined ? (
              <tr key={`waiting ${index}`} className="waiting">
                <td colSpan={5} />
              </tr>
            ) : (
              <FlightRow key={row.id} flight={row} edit={edits.get(row.id)} onDelay={onDelay} onNote={onNote} />
            );
          })}
          <Gap height={virtual.getTotalSize() - (items.at(-1)?.end ?? 0)} />
          {total === 0 && (
            <tr>
              <td className="empty soft" colSpan={5}>
                {ready ? 'No flight is like that.' : 'The flights are on their way …'}
              </td>
            </tr>
          )}
        </tbody>
      </table>
      <p className="total soft small" role="status">
        {total.toLocaleString('en')} flights
      </p>
    </section>
  );
}

/** The place of the rows that are not there. */
function Gap({ height }: { readonly height: number }): ReactElement | null {
  if (height <= 0) return null;
  return (
    <tr>
      <td className="gap" colSpan={5} style={{ height }} />
    </tr>
  );
}

interface Edits {
  readonly onDelay: (flight: Flight, delay: number) => void;
  readonly onNote: (flight: Flight, note: string) => void;
}

/** What becomes of the calls, the queue tells. */
function useEdits(): Edits {
  const { setDelay, setNote } = useReducers<typeof flights>();
  const onDelay = useCallback(
    ({ id, delay: was }: Flight, delay: number) => void setDelay({ id, was, delay }).then(undefined, () => {}),
    [setDelay],
  );
  const onNote = useCallback(
    ({ id }: Flight, note: string) => void setNote({ id, note }).then(undefined, () => {}),
    [setNote],
  );
  return { onDelay, onNote };
}

/** The last call about each flight. */
function editsByFlight(calls: readonly QueuedCall[]): ReadonlyMap<number, QueuedCall> {
  return new Map(calls.map((call) => [idOf(call), call]));
}

export function idOf({ args }: QueuedCall): number {
  return typeof args === 'object' && args !== null && 'id' in args ? Number(args.id) : 0;
}
