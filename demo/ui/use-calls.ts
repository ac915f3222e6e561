/** Own calls that have not come to a good end: those under way, and the rejected ones until they are dismissed. */

import type { CallHandle } from 'forerun/client';
import { useCallback, useState } from 'react';

export interface OwnCall<Subject> {
  readonly number: number;
  /** What the app remembers of it. */
  readonly subject: Subject;
  /** `failing`: the prediction says that the authority will reject it, for this reason. */
  readonly state: 'pending' | 'failing' | 'rejected';
  readonly reason: string | undefined;
  /** `ctx.timestamp` of the prediction, in microseconds. */
  readonly micros: number | undefined;
}

export interface OwnCalls<Subject> {
  readonly calls: readonly OwnCall<Subject>[];
  readonly follow: (subject: Subject, handle: CallHandle) => void;
  readonly dismiss: (number: number) => void;
}

let lastNumber = 0;

export function useCalls<Subject>(): OwnCalls<Subject> {
  const [calls, setCalls] = useState<readonly OwnCall<Subject>[]>([]);
  const dismiss = useCallback(
    (number: number) => setCalls((known) => known.filter((call) => call.number !== number)),
    [],
  );
  const follow = useCallback(
    (subject: Subject, handle: CallHandle) => {
      const number = ++lastNumber;
      const update = (): void => {
        const call = described(number, subject, handle);
        setCalls((known) => known.map((each) => (each.number === number ? call : each)));
      };
      setCalls((known) => [...known, described(number, subject, handle)]);
      handle.predicted.then(update, update);
      handle.onOutcomeChange(update);
      handle.then(() => dismiss(number), update);
    },
    [dismiss],
  );
  return { calls, follow, dismiss };
}

function described<Subject>(number: number, subject: Subject, handle: CallHandle): OwnCall<Subject> {
  const { error, prediction, timestamp } = handle;
  const micros = timestamp === undefined ? undefined : Number(timestamp.microsSinceUnixEpoch);
  const common = { number, subject, micros };
  if (error !== undefined) return { ...common, state: 'rejected', reason: error.message };
  if (prediction?.type === 'failing') return { ...common, state: 'failing', reason: prediction.rejection.message };
  return { ...common, state: 'pending', reason: undefined };
}
