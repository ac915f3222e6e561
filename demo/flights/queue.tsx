/** What was edited here and is not settled: on its way, or rejected and to be tried again or given up. */

import type { ReactElement } from 'react';
import { type QueuedCall, useCallQueue } from '../ui/call-queue.ts';
import { client, queue } from './client.ts';
import { idOf } from './flight-list.tsx';

const shownMax = 6;

export function Queue(): ReactElement | null {
  const calls = useCallQueue(queue).filter(({ reducer }) => reducer === 'setDelay' || reducer === 'setNote');
  // Rejected ones first: they want something.
  const shown = calls.toSorted((a, b) => Number(b.state === 'rejected') - Number(a.state === 'rejected'));
  if (calls.length === 0) return null;
  return (
    <section className="queue" aria-label="Your edits that are not confirmed">
      <h2>
        {calls.length} {calls.length === 1 ? 'edit' : 'edits'} not confirmed
      </h2>
      <ul>
        {shown.slice(0, shownMax).map((call) => (
          <Entry key={call.number} call={call} />
        ))}
      </ul>
      {calls.length > shownMax && <p className="soft small">and {calls.length - shownMax} more</p>}
    </section>
  );
}

const states: Readonly<Record<QueuedCall['state'], string>> = {
  pending: 'on its way',
  stored: 'kept on this device, on its way',
  failing: 'will be rejected',
  rejected: 'rejected',
};

function Entry({ call }: { readonly call: QueuedCall }): ReactElement {
  return (
    <li data-state={call.state}>
      <span>
        <strong>Flight {idOf(call)}</strong>: {wish(call)} <span className="state-word">{states[call.state]}</span>
        {call.reason !== undefined && <span className="reason-text">: {call.reason}</span>}
      </span>
      {call.state === 'rejected' && (
        <span className="choices">
          <button className="button small" type="button" onClick={() => retry(call)}>
            Try again
          </button>
          <button className="button small" type="button" onClick={() => queue.discard(call.number)}>
            Discard
          </button>
        </span>
      )}
    </li>
  );
}

interface EditArgs {
  readonly id: number;
  readonly delay?: number;
  readonly note?: string;
}

/** The queue holds calls of two reducers, whose arguments these are. */
function argsOf({ args }: QueuedCall): EditArgs {
  return args as EditArgs;
}

function wish(call: QueuedCall): string {
  const { delay, note } = argsOf(call);
  return delay === undefined ? `note “${note ?? ''}”` : `delay ${delay} min`;
}

/** The same wish, made on the row as it is now. */
async function retry(call: QueuedCall): Promise<void> {
  const { id, delay, note } = argsOf(call);
  queue.discard(call.number);
  if (delay === undefined) {
    await client.reducers.setNote({ id, note: note ?? '' }).then(undefined, () => {});
    return;
  }
  const found = client.live(client.tables.flight.where((f) => f.id.eq(id)));
  const [row] = await found.ready();
  found.close();
  await client.reducers.setDelay({ id, was: row?.delay ?? 0, delay }).then(undefined, () => {});
}
