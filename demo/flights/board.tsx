/** The operations board: the day's figures, its hours, and the flights, all live and to be corrected by everybody. */

import { useLive, useReducers, useStatus } from 'forerun/react';
import { type ReactElement, useCallback, useState } from 'react';
import { useCalls } from '../ui/use-calls.ts';
import { Figures } from './figures.tsx';
import { type Flight, FlightRow } from './flight-row.tsx';
import { byHour, type Hour, Hours } from './hours.tsx';
import type * as flights from './module.ts';
import './flights.css';

const pageSize = 20;

const delays = [
  { name: 'Any delay', sql: 'TRUE' },
  { name: 'On time or early', sql: 'delay <= 0' },
  { name: 'Over 15 minutes', sql: 'delay > 15' },
  { name: 'Over an hour', sql: 'delay > 60' },
  { name: 'Over three hours', sql: 'delay > 180' },
] as const;

const orders = [
  { name: 'By time', sql: 'id' },
  { name: 'Latest first', sql: 'delay DESC, id' },
] as const;

/** An edit names the flight that it is of. */
interface Edit {
  readonly id: number;
}

export function Board(): ReactElement {
  const [hour, setHour] = useState<number>();
  const [delay, setDelay] = useState<number>(0);
  const [order, setOrder] = useState<number>(0);
  const [page, setPage] = useState(0);
  const where = `WHERE ${delays[delay]?.sql} AND ${hour === undefined ? 'TRUE' : `hour = ${hour}`}`;
  const hours = useLive<Hour>(byHour);
  const [found] = useLive<{ flights: number }>(`SELECT count(*) AS flights FROM flight ${where}`);
  const rows = useLive<Flight>(
    `SELECT id, time, distance, delay, note FROM flight ${where} ORDER BY ${orders[order]?.sql} LIMIT ? OFFSET ?`,
    pageSize,
    page * pageSize,
  );
  const count = found?.flights ?? 0;

  return (
    <div className="board">
      <Figures hours={hours} />
      <Hours
        hours={hours}
        chosen={hour}
        onChoose={(chosen) => {
          setHour(chosen);
          setPage(0);
        }}
      />
      <section className="list" aria-label="Flights">
        <div className="filters">
          <Choice
            label="Delay"
            value={delay}
            names={delays.map(({ name }) => name)}
            onChange={(chosen) => {
              setDelay(chosen);
              setPage(0);
            }}
          />
          <Choice
            label="Order"
            value={order}
            names={orders.map(({ name }) => name)}
            onChange={(chosen) => {
              setOrder(chosen);
              setPage(0);
            }}
          />
          {hour !== undefined && (
            <button className="button" type="button" onClick={() => setHour(undefined)}>
              {hour}:00 to {hour}:59 ✕<span className="hidden"> show all hours</span>
            </button>
          )}
        </div>
        <Flights rows={rows} />
        <Pages page={page} count={count} onChange={setPage} />
      </section>
    </div>
  );
}

function Flights({ rows }: { readonly rows: readonly Flight[] }): ReactElement {
  const { setDelay, setNote } = useReducers<typeof flights>();
  const { calls, follow, dismiss } = useCalls<Edit>();
  const { ready } = useStatus();
  const onDelay = useCallback(
    ({ id, delay: was }: Flight, delay: number) => follow({ id }, setDelay({ id, was, delay })),
    [follow, setDelay],
  );
  const onNote = useCallback(
    ({ id }: Flight, note: string) => follow({ id }, setNote({ id, note })),
    [follow, setNote],
  );
  return (
    <table>
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
        {rows.map((flight) => (
          <FlightRow
            key={flight.id}
            flight={flight}
            edit={calls.findLast(({ subject }) => subject.id === flight.id)}
            onDelay={onDelay}
            onNote={onNote}
            onDismiss={dismiss}
          />
        ))}
        {rows.length === 0 && (
          <tr>
            <td className="empty soft" colSpan={5}>
              {ready ? 'No flight is like that.' : 'The flights are on their way …'}
            </td>
          </tr>
        )}
      </tbody>
    </table>
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

function Pages({
  page,
  count,
  onChange,
}: {
  readonly page: number;
  readonly count: number;
  readonly onChange: (page: number) => void;
}): ReactElement {
  const last = Math.max(0, Math.ceil(count / pageSize) - 1);
  const number = (value: number): string => value.toLocaleString('en');
  return (
    <nav className="pages" aria-label="Pages">
      <button className="button" type="button" disabled={page === 0} onClick={() => onChange(page - 1)}>
        Previous
      </button>
      <span className="soft">
        {count === 0 ? 'none' : `${number(page * pageSize + 1)}–${number(Math.min(count, (page + 1) * pageSize))}`} of{' '}
        {number(count)}
      </span>
      <button className="button" type="button" disabled={page >= last} onClick={() => onChange(page + 1)}>
        Next
      </button>
    </nav>
  );
}
