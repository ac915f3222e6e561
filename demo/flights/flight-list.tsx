/** All flights that are asked for, of which only those in sight are on the page and only those around it in a query. */

import { useVirtualizer } from '@tanstack/react-virtual';
import { and, count } from 'forerun';
import { useClient, useLive, useReducers, useStatus } from 'forerun/react';
import { type ReactElement, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { type QueuedCall, useCallQueue } from '../ui/call-queue.ts';
import { queue } from './client.ts';
import { type Flight, FlightRow } from './flight-row.tsx';
import type * as flights from './module.ts';

const rowHeight = 37;
/** Rows come and go by so many: all of them are measured anew whenever there is one more or less. */
const blockRows = 10;
/** The query moves in steps, so that scrolling a little asks for nothing. */
const stepRows = 100;
const windowRows = 300;

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

  // Where there is no bound, nothing is compared: SQLite would look for the rows by an index that finds all of them.
  const wanted = useMemo(
    () =>
      flight.where((f) =>
        and(
          from === undefined || f.delay.gte(from),
          to === undefined || f.delay.lte(to),
          hour === undefined || f.hour.eq(hour),
        ),
      ),
    [flight, from, to, hour],
  );
  const [found] = useLive(wanted.select(() => ({ flights: count() })));
  const total = found?.flights ?? 0;

  const virtual = useVirtualizer({
    count: Math.ceil(total / blockRows),
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight * blockRows,
    overscan: 1,
    useFlushSync: false,
  });
  const blocks = virtual.getVirtualItems();
  const first = (blocks[0]?.index ?? 0) * blockRows;
  const end = Math.min(total, ((blocks.at(-1)?.index ?? -1) + 1) * blockRows);
  const start = Math.max(0, Math.floor(first / stepRows) * stepRows - stepRows);
  const ordered = wanted.orderBy((f) => (isLatestFirst ? [f.delay.desc(), f.id.desc()] : f.id));
  const rows = useLive(ordered.limit(windowRows).offset(start));
  // Until those of another window are here, the last ones stay, and stand where they stood.
  const [shown, setShown] = useState({ rows, start });
  if (shown.rows !== rows) setShown({ rows, start });

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
          <Gap rows={first} />
          {Array.from({ length: Math.max(0, end - first) }, (_, i) => {
            const row = shown.rows[first + i - shown.start];
            return row === undefined ? (
              // biome-ignore lint/suspicious/noArrayIndexKey: it is no row, but the place of one
              <tr key={`waiting ${first + i}`} className="waiting">
                <td colSpan={5} />
              </tr>
            ) : (
              <FlightRow key={row.id} flight={row} edit={edits.get(row.id)} onDelay={onDelay} onNote={onNote} />
            );
          })}
          <Gap rows={total - end} />
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
function Gap({ rows }: { readonly rows: number }): ReactElement | null {
  if (rows <= 0) return null;
  return (
    <tr>
      <td className="gap" colSpan={5} style={{ height: rows * rowHeight }} />
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
