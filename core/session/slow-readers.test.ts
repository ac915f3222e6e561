import { afterEach, describe, expect, it } from 'vitest';
import { Home } from '../authority/home.testing.ts';
import * as ledger from '../authority/ledger.testing.ts';
import { rendered } from '../codec/rendered.testing.ts';
import { limits } from '../limits.ts';
import type { SessionHub } from './hub.ts';
import { SlowVisitor } from './slow-visitor.testing.ts';
import { hubOf } from './visitor.testing.ts';

const homes: Home[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) home.kill();
});

async function open(sendsAllCommits = false): Promise<{ home: Home; hub: SessionHub; slow: SlowVisitor }> {
  const home = await Home.open(ledger);
  homes.push(home);
  const hub = hubOf(home, { sendsAllCommits });
  const slow = new SlowVisitor(home, 1);
  slow.connect(hub);
  slow.hello({ queries: ['SELECT * FROM total'] });
  await home.time.settle();
  return { home, hub, slow };
}

/** Ten keys of that many bytes, changed again and again, each time in a batch of its own. */
async function load(home: Home, rounds: number, keyBytes: number): Promise<void> {
  const writer = home.client(9);
  for (let round = 0; round < rounds; round++) {
    for (let key = 0; key < 10; key++) {
      home.call(writer, writer.lastCallId + 1, 'add', { name: `${key}`.repeat(keyBytes), value: 1n });
      await home.time.settle();
    }
  }
}

const texts = (rows: readonly Readonly<Record<string, unknown>>[]): string[] => rows.map(rendered).sort();

describe('a reader that stops', () => {
  it('[SLO-1] [SLO-2] costs a bounded queue however much is written, and then gets each key once', async () => {
    const { home, hub, slow } = await open();
    const keyBytes = 20_000;
    slow.reads = false;
    await load(home, 20, keyBytes);
    expect(hub.slowReaders?.count).toBe(1);
    const queued = slow.bufferedBytes;
    expect(queued).toBeLessThan(limits.behindBufferedBytesMax + 2 * keyBytes);
    slow.call(1, 'add', { name: 'own', value: 5n });
    await load(home, 5, keyBytes);
    expect(slow.bufferedBytes).toBe(queued);

    slow.reads = true;
    slow.read();
    const before = slow.messages.length;
    await home.time.advance(200);
    const told = slow.messages.slice(before);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({
      type: 'batch',
      outcomes: [{ type: 'committed', callId: 1 }],
      commits: [{ ownCallId: 1, changes: [{ after: { name: 'own', value: 5n } }] }, { ownCallId: undefined }],
    });
    expect(slow.of('batch').at(-1)?.commits[1]?.changes).toHaveLength(10);
    expect(texts(slow.rows('total'))).toEqual(texts(home.rows('total')));
    expect(hub.slowReaders?.count).toBe(0);
  });

  it('[SLO-5] is sent each commit where that is asked for', async () => {
    const { home, slow } = await open(true);
    slow.reads = false;
    await load(home, 10, 20_000);
    expect(slow.bufferedBytes).toBeGreaterThan(10 * 10 * 20_000);
    slow.read();
    expect(texts(slow.rows('total'))).toEqual(texts(home.rows('total')));
  });

  it('[SLO-6] is let go when what it missed is kept no longer, and has the rows when it comes back', async () => {
    const { home, hub, slow } = await open();
    slow.reads = false;
    await load(home, 1, limits.recentBytesMax / 8);
    slow.reads = true;
    slow.read();
    await home.time.advance(200);
    expect([slow.isClosed, hub.sessionCount]).toEqual([true, 0]);
    slow.connect(hub);
    slow.hello({ queries: ['SELECT * FROM total'] });
    for (let i = 0; i < 200 && slow.of('applied').length < 2; i++) await home.time.advance(10);
    expect(slow.of('welcome').map(({ resumed }) => resumed)).toEqual([false, false]);
    expect(slow.rows('total').length).toBe(home.rows('total').length);
  });

  it('[SLO-4] is answered its pings, and begins and ends subscriptions when it has caught up', async () => {
    const { home, hub, slow } = await open();
    slow.reads = false;
    await load(home, 10, 20_000);
    slow.say({ type: 'ping', sentMs: 7 });
    slow.say({ type: 'subscribe', subscription: { subscriptionId: 2, queries: ['SELECT * FROM entry'] } });
    slow.say({ type: 'unsubscribe', subscriptionId: 1 });
    slow.call(1, 'write', { text: 'mine' });
    await home.time.settle();
    expect(hub.slowReaders?.count).toBe(1);
    slow.reads = true;
    slow.read();
    expect([slow.of('pong').length, slow.of('ended').length]).toEqual([1, 0]);
    await home.time.advance(200);
    expect([slow.of('applied').at(-1)?.subscriptionId, slow.of('ended').length]).toEqual([2, 1]);
    expect([slow.rows('total').length, slow.rows('entry').length]).toEqual([0, 1]);
  });

  it('[SLO-4] is ended when it asks for subscriptions without end and reads nothing', async () => {
    const { home, hub, slow } = await open();
    slow.reads = false;
    await load(home, 10, 20_000);
    for (let i = 0; i <= 2 * limits.subscriptionsMax; i++) slow.say({ type: 'unsubscribe', subscriptionId: 9 });
    await home.time.settle();
    expect(hub.sessionCount).toBe(0);
    slow.read();
    expect(slow.error?.code).toBe('limit-reached');
  });

  it('[SLO-3] is sent the net when it has lost its connection meanwhile', async () => {
    const { home, hub, slow } = await open();
    slow.hangUp();
    await home.time.settle();
    await load(home, 10, 20_000);
    const frames = slow.frames.length;
    slow.connect(hub);
    slow.hello({ queries: ['SELECT * FROM total'] });
    await home.time.settle();
    expect(slow.welcome?.resumed).toBe(true);
    const bytes = slow.frames.slice(frames).reduce((sum, { length }) => sum + length, 0);
    expect(bytes).toBeLessThan(11 * 20_000);
    expect(texts(slow.rows('total'))).toEqual(texts(home.rows('total')));
  });
});
