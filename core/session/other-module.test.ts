/** A greeting of a client that was built from another version of the module. */

import { expect, onTestFinished, test } from 'vitest';
import { Home } from '../authority/home.testing.ts';
import * as ledger from '../authority/ledger.testing.ts';
import { hubOf, Visitor } from './visitor.testing.ts';

test('[MCH-5] a hello of another module is answered by what this one has for clients, and may be said once more', async () => {
  const home = await Home.open(ledger);
  onTestFinished(() => home.kill());
  const hub = hubOf(home);
  const greeted = async (number: number): Promise<Visitor> => {
    const visitor = new Visitor(home, number);
    visitor.connect(hub);
    visitor.hello({ moduleHash: 'other' });
    await home.time.settle();
    return visitor;
  };
  const visitor = await greeted(1);
  const outline = visitor.of('module')[0]?.outline;
  expect(outline?.hash).toBe(home.authority.definition.hash);
  const isPublic = (name: string) => home.authority.definition.tables.find((table) => table.name === name)?.public;
  expect(outline?.tables.every(({ name }) => isPublic(name))).toBe(true);
  expect(outline?.tables.map(({ name }) => name)).toContain('entry');
  visitor.hello();
  await home.time.settle();
  expect(visitor.welcome).toBeDefined();

  const stubborn = await greeted(2);
  stubborn.hello({ moduleHash: 'another' });
  await home.time.settle();
  expect(stubborn.messages.map(({ type }) => type)).toEqual(['module', 'error']);
  expect(stubborn.error?.code).toBe('module-mismatch');
  expect(hub.sessionCount).toBe(1);
});
