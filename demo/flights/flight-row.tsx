/** One flight of the list, with its delay and its note to be edited in place. */

import {
  type KeyboardEvent,
  memo,
  type MemoExoticComponent,
  type ReactElement,
  useCallback,
  useEffect,
  useRef,
} from 'react';
import type { QueuedCall } from '../ui/call-queue.ts';

export interface Flight {
  readonly id: number;
  readonly time: number;
  readonly distance: number;
  readonly delay: number;
  readonly note: string;
}

export interface FlightRowProps {
  readonly flight: Flight;
  /** The last call about this flight that is under way, or was rejected. */
  readonly edit: QueuedCall | undefined;
  readonly onDelay: (flight: Flight, delay: number) => void;
  readonly onNote: (flight: Flight, note: string) => void;
}

export const FlightRow: MemoExoticComponent<(props: FlightRowProps) => ReactElement> = memo(function FlightRow({
  flight,
  edit,
  onDelay,
  onNote,
}: FlightRowProps) {
  const { id, time, distance, delay, note } = flight;
  const settled = edit?.state === 'rejected' ? edit.number : 0;
  return (
    <tr data-flight={id} data-state={edit?.state ?? 'confirmed'}>
      <th scope="row" className="end">
        {id}
      </th>
      <td>{timeOfDay(time)}</td>
      <td className="end wide">{distance.toLocaleString('en')}</td>
      <td>
        <Cell
          label={`Delay of flight ${id}`}
          value={String(delay)}
          settled={settled}
          numeric
          onChange={(value) => onDelay(flight, Number(value))}
        />
      </td>
      <td>
        <Cell
          label={`Note on flight ${id}`}
          value={note}
          settled={settled}
          onChange={(value) => onNote(flight, value)}
        />
      </td>
    </tr>
  );
});

/** Enter or leaving the field makes the change, Escape leaves it. A rejected one (`settled` is another) goes back. */
function Cell({
  label,
  value,
  settled,
  numeric = false,
  onChange,
}: {
  readonly label: string;
  readonly value: string;
  readonly settled: number;
  readonly numeric?: boolean;
  readonly onChange: (value: string) => void;
}): ReactElement {
  const input = useRef<HTMLInputElement>(null);
  /** What has been asked for and not shown up yet: leaving the field after Enter does not ask again. */
  const asked = useRef<string>(undefined);
  const reset = useCallback(() => {
    asked.current = undefined;
    if (input.current !== null) input.current.value = value;
  }, [value]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a rejection puts the row's value back
  useEffect(reset, [reset, settled]);
  const commit = (): void => {
    const text = input.current?.value ?? value;
    if (text === asked.current) return;
    if (text === value || (numeric && !/^-?\d{1,6}$/.test(text))) return reset();
    asked.current = text;
    onChange(text);
  };
  return (
    <input
      ref={input}
      className={numeric ? 'cell end' : 'cell'}
      aria-label={label}
      defaultValue={value}
      inputMode={numeric ? 'numeric' : 'text'}
      placeholder={numeric ? '' : 'Add a note'}
      onBlur={commit}
      onKeyDown={({ key }: KeyboardEvent) => {
        if (key === 'Enter') commit();
        else if (key === 'Escape') reset();
      }}
    />
  );
}

function timeOfDay(time: number): string {
  const minutes = Math.round(time * 60);
  return `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
}
