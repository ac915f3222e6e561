import { expect, it, vi } from 'vitest';
import { DurableBatch } from '../authority/batch.ts';
import { clientIdOf, Home } from '../authority/home.testing.ts';
import * as ledger from '../authority/ledger.testing.ts';
import { hubOf, Visitor } from './visitor.testing.ts';

it('while nobody is subscribed to anything, no batch is asked for its commits, which it would have to make', async () => {
  const made = vi.spyOn(DurableBatch.prototype, 'commits', 'get');
  const home = await Home.open(ledger);
  const visitor = new Visitor(home, 1);
  visitor.connect(hubOf(home));
  visitor.hello({ clientId: clientIdOf(1), token: '1' });
  await home.time.settle();
  made.mockClear();
  const before = home.told.length;
  visitor.call(1, 'write', { text: 'a' });
  await home.time.settle();
  expect(visitor.outcomes).toMatchObject([{ type: 'committed' }]);
  // By the home itself.
  expect(made).toHaveBeenCalledTimes(home.told.length - before);
  expect(home.told.length).toBeGreaterThan(before);
  made.mockRestore();
  home.kill();
});
