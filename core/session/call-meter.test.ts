import { afterEach, describe, expect, it } from 'vitest';
import { identityOf, clientIdOf, Home } from '../authority/home.testing.ts';
import * as ledger from '../authority/ledger.testing.ts';
import { limits } from '../limits.ts';
import { CallMeter } from './call-meter.ts';
import { SessionHub, type SessionLimits } from './hub.ts';
import { Visitor } from './visitor.testing.ts';

const homes: Home[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) home.kill();
});

async function open(given: Partial<SessionLimits>) {
  const home = await Home.open(ledger);
  homes.push(home);
  const hub = new SessionHub({
    authority: home.authority,
    environment: home.environment,
    authenticate: async (token) => ({ identity: identityOf(Number(token)), token: '' }),
    limits: given,
  });
  const visit = async (number: number, token = number): Promise<Visitor> => {
    const visitor = new Visitor(home, number);
    visitor.connect(hub);
    visitor.hello({ clientId: clientIdOf(number), token: `${token}` });
    await home.time.settle();
    return visitor;
  };
  return { home, hub, visit };
}

describe('a connection', () => {
  it('[LIM-5] that calls too often is ended with the reason, and no other is', async () => {
    const { home, visit } = await open({ callsPerSecondMax: 100, pendingCallsMax: 300 });
    const [eager, calm] = [await visit(1), await visit(2)];
    // What it may have had pending from before is let through once.
    let callId = 0;
    const burst = (count: number) =>
      eager.say(...Array.from({ length: count }, () => eager.callMessage(++callId, 'write', { text: 'x' })));
    burst(300);
    await home.time.settle();
    expect(eager.error).toBeUndefined();
    await home.time.advance(500);
    burst(50);
    await home.time.settle();
    expect(eager.error).toBeUndefined();
    burst(1);
    await home.time.settle();
    expect(eager.error).toMatchObject({ code: 'limit-reached', message: expect.stringMatching(/callsPerSecondMax/) });
    expect(eager.isClosed).toBe(true);
    calm.call(1, 'write', { text: 'calm' });
    await home.time.settle();
    expect(calm.outcomes).toMatchObject([{ type: 'committed' }]);
    expect(home.rows('entry')).toHaveLength(351);
  });

  it('[LIM-5] that asks too much otherwise is ended, in the middle of a frame', async () => {
    const { home, visit } = await open({ callsPerSecondMax: 100, pendingCallsMax: 400 });
    const visitor = await visit(1);
    const message = {
      type: 'subscribe',
      subscription: { subscriptionId: 2, queries: ['SELECT * FROM nothing'] },
    } as const;
    visitor.say(...Array.from({ length: 10 }, () => message));
    await home.time.settle();
    expect(visitor.error).toBeUndefined();
    visitor.say(...Array.from({ length: 1_000 }, () => message));
    await home.time.settle();
    expect(visitor.error).toMatchObject({ code: 'limit-reached' });
  });

  it('[LIM-8] that asks for more queries than one may have is refused, and its frame is not read', async () => {
    const { home, visit } = await open({});
    const [many, more] = [await visit(1), await visit(2)];
    const queries = (count: number): string[] =>
      Array.from({ length: count }, (_, n) => `SELECT * FROM entry WHERE id = ${n}`);
    many.say({ type: 'subscribe', subscription: { subscriptionId: 2, queries: queries(limits.subscriptionsMax + 1) } });
    await home.time.settle();
    expect(many.error).toMatchObject({ code: 'frame-invalid', message: expect.stringMatching(/subscriptionsMax/) });
    more.say({ type: 'subscribe', subscription: { subscriptionId: 2, queries: queries(limits.subscriptionsMax) } });
    await home.time.settle();
    more.say({ type: 'subscribe', subscription: { subscriptionId: 3, queries: queries(1) } });
    await home.time.settle();
    expect(more.error).toBeUndefined();
    expect(more.messages).toContainEqual({
      type: 'subscriptionRefused',
      subscriptionId: 3,
      message: expect.stringMatching(/subscriptionsMax/),
    });
  });

  it('[LIM-6] with too many calls that wait for their outcome is ended, and those that were taken count', async () => {
    const { home, visit } = await open({ unansweredCallsMax: 5 });
    const visitor = await visit(1);
    for (let round = 0; round < 4; round++) {
      for (let i = 1; i <= 5; i++) visitor.call(round * 5 + i, 'write', { text: 'x' });
      await home.time.settle();
    }
    expect(visitor.outcomes).toHaveLength(20);
    home.log.isHeld = true;
    for (let callId = 21; callId <= 26; callId++) visitor.call(callId, 'write', { text: 'x' });
    await home.time.settle();
    expect(visitor.error).toMatchObject({
      code: 'limit-reached',
      message: expect.stringMatching(/unansweredCallsMax/),
    });
    home.log.isHeld = false;
    home.log.letGo();
    await home.time.settle();
    expect(home.rows('entry')).toHaveLength(25);
  });

  it('[LIM-7] beyond those that an identity may have is refused, until one of them ends', async () => {
    const { home, visit } = await open({ connectionsPerIdentityMax: 2 });
    const [first, second] = [await visit(1, 9), await visit(2, 9)];
    const third = await visit(3, 9);
    expect(third.error).toMatchObject({
      code: 'limit-reached',
      message: expect.stringMatching(/connectionsPerIdentityMax/),
    });
    expect([first.isClosed, second.isClosed]).toEqual([false, false]);
    expect((await visit(4, 10)).welcome).toBeDefined();
    first.hangUp();
    await home.time.settle();
    expect((await visit(3, 9)).welcome).toBeDefined();
    // A client that comes back takes the place of its own.
    expect((await visit(5, 9)).error).toBeDefined();
    second.hangUp();
    await home.time.settle();
    expect((await visit(5, 9)).welcome).toBeDefined();
  });
});

describe('a bucket of calls', () => {
  it('[LIM-5] fills again at its rate, up to a second of calls', () => {
    const meter = new CallMeter({ callsPerSecondMax: 10, unansweredCallsMax: 1e9, pendingCallsMax: 300 }, 0);
    const takes = (nowMicros: number): number => {
      for (let count = 0; ; count++) {
        try {
          meter.take(nowMicros);
        } catch {
          return count;
        }
      }
    };
    expect(takes(0)).toBe(300);
    expect(takes(500_000)).toBe(5);
    expect(takes(60_000_000)).toBe(10);
    // A clock that is set back gives nothing.
    expect(takes(0)).toBe(0);
    expect(takes(60_300_000)).toBe(3);
  });
});
