/** A bad network to be felt at will: latency, none at all, and how it is without prediction. */

import { useClient } from 'forerun/react';
import { type ReactElement, useState } from 'react';

export function Network(): ReactElement {
  const client = useClient();
  const [latencyMs, setLatencyMs] = useState(0);
  const [offline, setOffline] = useState(false);
  const [prediction, setPrediction] = useState(true);
  return (
    <section className="network" aria-label="Simulated network">
      <div className="width">
        <Latency
          latencyMs={latencyMs}
          onChange={(next) => {
            setLatencyMs(next);
            client.simulate({ latencyMs: next });
          }}
        />
        <Switch
          label="Offline"
          on={offline}
          onChange={(on) => {
            setOffline(on);
            client.simulate({ offline: on });
          }}
        />
        <Switch
          label="Prediction"
          on={prediction}
          onChange={(on) => {
            setPrediction(on);
            client.simulate({ prediction: on });
          }}
        />
      </div>
    </section>
  );
}

export function Latency({
  latencyMs,
  onChange,
}: {
  readonly latencyMs: number;
  readonly onChange: (latencyMs: number) => void;
}): ReactElement {
  return (
    <label className="latency">
      Latency
      <input
        type="range"
        min={0}
        max={1000}
        step={50}
        value={latencyMs}
        onChange={({ target }) => onChange(target.valueAsNumber)}
      />
      <output>{latencyMs === 0 ? 'none added' : `${latencyMs} ms`}</output>
    </label>
  );
}

export function Switch({
  label,
  on,
  onChange,
}: {
  readonly label: string;
  readonly on: boolean;
  readonly onChange: (on: boolean) => void;
}): ReactElement {
  return (
    <label>
      <input
        className="switch"
        type="checkbox"
        role="switch"
        checked={on}
        aria-checked={on}
        onChange={({ target }) => onChange(target.checked)}
      />
      {label}
    </label>
  );
}
