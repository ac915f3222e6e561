/** Calls of the benchmark's own on an authority in this process, a few of them in flight. */

import type { Authority } from '../../core/authority/authority.ts';
import { type CallId, clientIdFromBytes } from '../../core/commit/call.ts';
import { Identity } from 'forerun';

const rowsPerCall = 1_000;
const callsPerWait = 10;

export async function ownCalls(authority: Authority, rows: number): Promise<void> {
  const client = authority.client(clientIdFromBytes(new Uint8Array(16).fill(7)), new Identity(1n));
  const reducerId = authority.definition.reducers.findIndex(({ accessor }) => accessor === 'open');
  for (let first = 0, callId = 1; first < rows; first += rowsPerCall, callId++) {
    authority.call(client, {
      callId: callId as CallId,
      reducerId,
      timestampMicros: Date.now() * 1000,
      args: { value: { first, count: Math.min(rowsPerCall, rows - first) } },
      connectionId: null,
      idHints: [],
    });
    if (callId % callsPerWait === 0) await authority.settled();
  }
  await authority.settled();
}
