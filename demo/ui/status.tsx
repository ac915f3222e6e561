/** How the client stands, in one line at the foot of the page. */

import type { ClientStatus } from 'forerun/client';
import { useCounters, useStatus } from 'forerun/react';
import type { ReactElement } from 'react';

export function Status(): ReactElement {
  const status = useStatus();
  const { confirmed, diverged, rolledBack, replayed } = useCounters();
  return (
    <footer className="status">
      <div className="width">
        <span className="state" data-state={status.type} role="status">
          {described(status)}
        </span>
        {status.type === 'live' && !status.ready && <Loading progress={status.progress} />}
        <span className="spacer" />
        <dl>
          <Count name="pending" count={status.pending} hint="Calls that the authority has not answered yet" />
          <Count name="confirmed" count={confirmed} hint="Calls whose commit did what was predicted" />
          <Count name="diverged" count={diverged} hint="Calls that came out otherwise: rejected, or on other rows" />
          <Count name="rolled back" count={rolledBack} hint="Predictions that were taken back" />
          <Count name="replayed" count={replayed} hint="Predictions that were run again on newer rows" />
        </dl>
      </div>
    </footer>
  );
}

function described(status: ClientStatus): string {
  switch (status.type) {
    case 'connecting':
      return 'Connecting';
    case 'live':
      return status.ready ? 'Live' : 'Loading';
    case 'offline':
      return status.pending > 0 ? 'Offline – your changes are kept' : 'Offline';
    case 'stale':
      return 'A new version is here – reload the page';
    case 'stopped':
      return status.message;
  }
}

function Loading({ progress }: { readonly progress: number }): ReactElement {
  return (
    <progress max={1} value={progress} aria-label="Loading rows">
      {Math.round(progress * 100)} %
    </progress>
  );
}

function Count({
  name,
  count,
  hint,
}: {
  readonly name: string;
  readonly count: number;
  readonly hint: string;
}): ReactElement {
  return (
    <div title={hint}>
      <dt>{name}</dt>
      <dd data-count={name}>{count.toLocaleString('en')}</dd>
    </div>
  );
}
