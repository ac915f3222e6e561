/** Each call's way, as a row of small signs: called, predicted, stored, and in the end confirmed, changed or rejected. */

import { type ReactElement, useEffect, useState } from 'react';
import type { FromFrame, Step } from './embedding.ts';

const callsMax = 8;

export interface StripCall {
  readonly call: number;
  readonly reducer: string;
  readonly steps: readonly Step[];
}

/** What a frame tells of its calls, the newest first. */
export function useCallStrip(source: () => MessageEventSource | null): {
  readonly calls: readonly StripCall[];
  readonly isReady: boolean;
} {
  const [calls, setCalls] = useState<readonly StripCall[]>([]);
  const [isReady, setReady] = useState(false);
  useEffect(() => {
    const waiting: Extract<FromFrame, { type: 'step' }>[] = [];
    let frame = 0;
    // A game calls dozens of times a second: one rendering per frame is enough.
    const show = (): void => {
      frame = 0;
      const steps = waiting.splice(0);
      setCalls((before) => steps.reduce(after, before));
    };
    const listen = ({ origin, source: from, data }: MessageEvent<FromFrame>): void => {
      if (origin !== location.origin || from === null || from !== source()) return;
      if (data.type === 'ready') setReady(true);
      if (data.type !== 'step') return;
      waiting.push(data);
      if (frame === 0) frame = requestAnimationFrame(show);
    };
    window.addEventListener('message', listen);
    return () => {
      window.removeEventListener('message', listen);
      cancelAnimationFrame(frame);
    };
  }, [source]);
  return { calls, isReady };
}

function after(
  calls: readonly StripCall[],
  { call, reducer, step }: Extract<FromFrame, { type: 'step' }>,
): readonly StripCall[] {
  const known = calls.find((each) => each.call === call);
  if (known === undefined) {
    const isLate = step !== 'called' && step !== 'predicted';
    return isLate ? calls : [{ call, reducer, steps: [step] }, ...calls].slice(0, callsMax);
  }
  if (known.steps.includes(step)) return calls;
  return calls.map((each) => (each === known ? { ...each, steps: [...each.steps, step] } : each));
}

export function CallStrip({
  calls,
  label,
}: {
  readonly calls: readonly StripCall[];
  readonly label: string;
}): ReactElement {
  return (
    <ol className="strip" aria-label={label}>
      {calls.length === 0 && <li className="soft">No call yet</li>}
      {calls.map(({ call, reducer, steps }) => (
        <li key={call} data-step={steps.at(-1)} title={`${reducer}: ${steps.join(' → ')}`}>
          <span className="steps" aria-hidden="true">
            {steps.map((step) => (
              <i key={step} data-step={step} />
            ))}
          </span>
          {reducer} <span className="step">{steps.at(-1)}</span>
        </li>
      ))}
    </ol>
  );
}
