/** A page that is looked at again, or has a network again, does not wait for the end of a pause. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { deskModule } from '../desk.testing.ts';
import type { Client } from './client.ts';
import { connect } from './connect.ts';

/** No authority can be reached. */
class DeadSocket extends EventTarget {
  static made = 0;
  binaryType = '';
  readonly bufferedAmount = 0;
  readonly readyState = 3;

  constructor() {
    super();
    DeadSocket.made++;
    queueMicrotask(() => this.dispatchEvent(new Event('close')));
  }

  send(): void {}
  close(): void {}
}

const page = Object.assign(new EventTarget(), { visibilityState: 'visible' });
const opened: Client<typeof deskModule>[] = [];

beforeEach(() => {
  vi.stubGlobal('WebSocket', DeadSocket);
  vi.stubGlobal('document', page);
  vi.stubGlobal('window', new EventTarget());
});

afterEach(async () => {
  for (const client of opened.splice(0)) await client.close();
  vi.unstubAllGlobals();
});

async function offline(): Promise<void> {
  const client = connect({ module: deskModule, url: 'http://localhost:1', storage: 'memory' });
  opened.push(client);
  await vi.waitFor(() => expect(client.status.type).toBe('offline'), 20_000);
}

/** Attempts that were made by the time that this one has been, without a pause having gone by. */
function attemptsBy(act: () => void): number {
  const before = DeadSocket.made;
  act();
  return DeadSocket.made - before;
}

test('[CLI-13] it tries at once, and not after it was closed', async () => {
  await offline();
  const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
  expect(attemptsBy(() => window.dispatchEvent(new Event('online')))).toBe(1);
  await settled();
  expect(attemptsBy(() => page.dispatchEvent(new Event('visibilitychange')))).toBe(1);
  await settled();
  page.visibilityState = 'hidden';
  expect(attemptsBy(() => page.dispatchEvent(new Event('visibilitychange')))).toBe(0);
  page.visibilityState = 'visible';
  await opened[0]?.close();
  expect(attemptsBy(() => window.dispatchEvent(new Event('online')))).toBe(0);
  expect(attemptsBy(() => page.dispatchEvent(new Event('visibilitychange')))).toBe(0);
});
