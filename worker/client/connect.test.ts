import { afterEach, expect, test, vi } from 'vitest';
import { deskModule } from '../desk.testing.ts';
import { connect } from './connect.ts';

afterEach(() => vi.unstubAllGlobals());

/** How often the browser is asked never to evict what a client keeps. */
async function timesAsked(
  storage: 'memory' | 'device' | 'durable',
  persist = vi.fn(async () => true),
): Promise<number> {
  vi.stubGlobal('navigator', { storage: { persist } });
  // Nothing listens there; what is asked does not depend on it.
  const client = connect({ module: deskModule, url: 'http://127.0.0.1:9', storage });
  await client.close();
  return persist.mock.calls.length;
}

test('only durable storage asks the browser never to evict it, and goes on when it refuses', async () => {
  expect(await timesAsked('memory')).toBe(0);
  expect(await timesAsked('device')).toBe(0);
  expect(await timesAsked('durable')).toBe(1);
  const refuses = vi.fn(async () => Promise.reject(new TypeError('no')));
  expect(await timesAsked('durable', refuses)).toBe(1);
  vi.stubGlobal('navigator', {});
  await connect({ module: deskModule, url: 'http://127.0.0.1:9', storage: 'durable' }).close();
});
