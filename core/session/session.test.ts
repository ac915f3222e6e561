import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { ByteWriter } from '../codec/bytes.ts';
import { rendered } from '../codec/rendered.testing.ts';
import type { CallId, Epoch, Seq } from '../commit/call.ts';
import { limits } from '../limits.ts';
import { clientIdOf, Home } from '../authority/home.testing.ts';
import * as ledger from '../authority/ledger.testing.ts';
import { encodeClientMessage } from '../protocol/frame.ts';
import type { HelloMessage } from '../protocol/messages.ts';
import { protocolVersion } from '../protocol/version.ts';
import type { SessionHub } from './hub.ts';
import { hubOf, Visitor } from './visitor.testing.ts';

const homes: Home[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) home.kill();
});

async function open(options: Parameters<typeof Home.open>[1] = {}): Promise<{ home: Home; hub: SessionHub }> {
  const home = await Home.open(ledger, options);
  homes.push(home);
  return { home, hub: hubOf(home) };
}

async function visit(
  home: Home,
  hub: SessionHub,
  number: number,
  hello: Parameters<Visitor['hello']>[0] = {},
): Promise<Visitor> {
  const visitor = new Visitor(home, number);
  visitor.connect(hub);
  visitor.hello(hello);
  await home.time.settle();
  return visitor;
}

const everything = ['SELECT * FROM entry', 'SELECT * FROM total', 'SELECT * FROM online', 'SELECT * FROM ended'];
const types = (visitor: Visitor) => visitor.messages.map(({ type }) => type);
const text = (rows: readonly object[]) => rows.map(rendered);

describe('a greeting', () => {
  it('[SES-1] is answered by a welcome when clientConnected is durable', async () => {
    const { home, hub } = await open();
    home.log.isHeld = true;
    const visitor = await visit(home, hub, 1, { token: '' });
    expect(visitor.messages).toEqual([]);
    home.log.isHeld = false;
    home.log.letGo();
    await home.time.settle();
    expect(visitor.welcome).toMatchObject({
      epoch: home.authority.epoch,
      seq: 2,
      resumed: false,
      lastCallId: 0,
      identity: 1001n,
      token: '1001',
      databaseIdentity: 0xdbn,
      authorityMicros: home.time.nowMs * 1000,
    });
    expect(home.rows('online')).toHaveLength(1);
    const known = await visit(home, hub, 2, { token: '7' });
    expect(known.welcome).toMatchObject({ identity: 7n, token: '' });
    expect(hub.sessionCount).toBe(2);
  });

  it('that fails in a way of ours ends the connection, and is told to who runs the server', async () => {
    const failed: unknown[] = [];
    const home = await Home.open(ledger);
    homes.push(home);
    const bug = new TypeError('no such store');
    const hub = hubOf(home, {
      authenticate: () => Promise.reject(bug),
      connectionFailed: (error) => failed.push(error),
    });
    const visitor = await visit(home, hub, 1);
    expect(visitor.error).toMatchObject({ code: 'internal' });
    expect(visitor.isClosed).toBe(true);
    expect(failed).toEqual([bug]);
  });

  it('[WIR-7] of another version or module is refused, and so is a token that is none', async () => {
    const { home, hub } = await open();
    expect((await visit(home, hub, 1, { version: 99 })).error).toMatchObject({ code: 'protocol-mismatch' });
    expect((await visit(home, hub, 1, { version: 0 })).error).toMatchObject({ code: 'protocol-mismatch' });
    expect((await visit(home, hub, 1, { token: 'forged' })).error).toMatchObject({ code: 'token-invalid' });
    await visit(home, hub, 1);
    expect((await visit(home, hub, 1, { token: '2' })).error).toMatchObject({ code: 'token-invalid' });
    expect((await visit(home, hub, 1, { clientId: clientIdOf(0) })).error).toMatchObject({ code: 'token-invalid' });
    expect(hub.sessionCount).toBe(1);
  });

  it('[AUT-7] that the module refuses ends with its words', async () => {
    const { home, hub } = await open();
    const visitor = await visit(home, hub, 1, { token: `${ledger.unwanted}` });
    expect(visitor.error).toMatchObject({ code: 'connection-refused', message: expect.stringMatching(/Not you\./) });
    expect([visitor.isClosed, visitor.welcome, hub.sessionCount]).toEqual([true, undefined, 0]);
  });

  it('[SES-1] comes first and once; only a ping may come before the welcome', async () => {
    const { home, hub } = await open();
    const impatient = new Visitor(home, 1);
    impatient.connect(hub);
    impatient.say({ type: 'ping', sentMs: 1.5 });
    await home.time.settle();
    expect(impatient.messages).toEqual([{ type: 'pong', sentMs: 1.5, authorityMicros: home.time.nowMs * 1000 }]);
    for (const message of [
      impatient.callMessage(1, 'nothing'),
      { type: 'subscribe', subscription: { subscriptionId: 1, queries: [] } },
      { type: 'unsubscribe', subscriptionId: 1 },
      { type: 'acknowledge', seq: 0 as Seq, callId: 0 as CallId },
    ] as const) {
      const visitor = new Visitor(home, 1);
      visitor.connect(hub);
      visitor.say(message);
      await home.time.settle();
      expect(visitor.error).toMatchObject({ code: 'frame-invalid', message: expect.stringMatching(/hello/) });
      expect(visitor.isClosed).toBe(true);
    }
    const hasty = new Visitor(home, 3);
    hasty.connect(hub);
    hasty.hello();
    hasty.call(1, 'write', { text: 'too early' });
    await home.time.settle();
    expect(hasty.error).toMatchObject({ code: 'frame-invalid' });
    const twice = await visit(home, hub, 4);
    twice.hello();
    await home.time.settle();
    expect(twice.error).toMatchObject({ code: 'frame-invalid' });
    expect(home.rows('entry')).toEqual([]);
    expect(home.rows('online')).toEqual([]);
  });

  it('of a connection that ends meanwhile lets nobody in, and puts nobody out', async () => {
    const { home, hub } = await open();
    const first = await visit(home, hub, 1);
    home.log.isHeld = true;
    const gone = new Visitor(home, 1);
    gone.connect(hub);
    gone.hello();
    await home.time.settle();
    gone.sendBytes(Uint8Array.of(0xff));
    const left = new Visitor(home, 1);
    left.connect(hub);
    left.hello();
    left.hangUp();
    await home.time.settle();
    home.log.isHeld = false;
    home.log.letGo();
    await home.time.settle();
    expect(gone.error).toMatchObject({ code: 'frame-invalid' });
    expect([first.isClosed, gone.welcome, left.welcome, hub.sessionCount]).toEqual([false, undefined, undefined, 1]);
    expect(home.rows('online')).toHaveLength(1);
  });

  it('[AUT-5] is refused while the log can not be written', async () => {
    const { home, hub } = await open();
    const before = await visit(home, hub, 1);
    home.log.isBroken = true;
    before.call(1, 'write', { text: 'lost' });
    await home.time.settle();
    expect(before.error).toMatchObject({ code: 'log-unavailable' });
    expect((await visit(home, hub, 2)).error).toMatchObject({ code: 'log-unavailable' });
    home.log.isBroken = false;
    await home.time.advance(1_000);
    const after = await visit(home, hub, 1);
    expect(after.welcome).toMatchObject({ lastCallId: 0 });
    after.call(1, 'write', { text: 'found' });
    await home.time.settle();
    expect(after.outcomes).toMatchObject([{ type: 'committed', callId: 1 }]);
    expect(home.rows('entry')).toHaveLength(1);
  });
});

describe('a client', () => {
  it('[SES-7] has one connection: a newer one ends the older, whose hooks run', async () => {
    const { home, hub } = await open();
    const older = await visit(home, hub, 1);
    const newer = await visit(home, hub, 1);
    expect(older.error).toMatchObject({ code: 'connection-refused', message: expect.stringMatching(/anew/) });
    expect([older.isClosed, newer.isClosed, hub.sessionCount]).toEqual([true, false, 1]);
    expect(home.rows('online')).toHaveLength(1);
    newer.call(1, 'write', { text: 'a' });
    await home.time.settle();
    expect(newer.outcomes).toHaveLength(1);
    newer.hangUp();
    await home.time.settle();
    expect([hub.sessionCount, home.rows('online'), home.rows('ended').length]).toEqual([0, [], 2]);
  });

  it('[SEC-3] calls as who it is, on its own connection', async () => {
    const { home, hub } = await open();
    const visitor = await visit(home, hub, 7, { queries: ['SELECT * FROM entry'] });
    visitor.call(1, 'write', { text: 'me' });
    await home.time.settle();
    expect(rendered(visitor.rows('entry')[0]?.['by'])).toMatch(/bigint 7/);
  });

  it('[EXO-6] that comes back is told what came of its calls, and sends again what got no answer', async () => {
    const { home, hub } = await open();
    const visitor = await visit(home, hub, 1, { queries: everything });
    visitor.call(1, 'add', { name: 'x', value: 1n });
    await home.time.settle();
    home.log.isHeld = true;
    visitor.call(2, 'add', { name: 'x', value: 10n });
    await home.time.settle();
    visitor.call(3, 'add', { name: 'x', value: 100n });
    visitor.hangUp();
    await home.time.settle();
    home.log.isHeld = false;
    home.log.letGo();
    await home.time.settle();
    expect(visitor.outcomes.map(({ callId }) => callId)).toEqual([1]);
    visitor.connect(hub);
    visitor.hello({ queries: everything });
    await home.time.settle();
    expect(visitor.welcome).toMatchObject({ resumed: true });
    for (const [callId, value] of [
      [2, 10n],
      [3, 100n],
    ] as const)
      visitor.call(callId, 'add', { name: 'x', value });
    await home.time.settle();
    expect(new Set(visitor.outcomes.map(({ callId }) => callId))).toEqual(new Set([1, 2, 3]));
    const own = visitor.of('batch').flatMap(({ commits }) => commits.map(({ ownCallId }) => ownCallId));
    expect(own).toContain(2);
    expect(text(visitor.rows('total'))).toEqual(text(home.rows('total')));
    expect(home.rows('total').find((row) => row['name'] === 'x')).toMatchObject({ value: 111n });
  });

  it('[WIR-6] whose arguments can not be read gets that call rejected, and goes on', async () => {
    const { home, hub } = await open();
    const visitor = await visit(home, hub, 1);
    const good = visitor.callMessage(2, 'write', { text: 'a' });
    for (const args of [new Uint8Array(), Uint8Array.of(1, 2, 3), Uint8Array.of(0, 0, 0, 0, 9)]) {
      visitor.say({
        ...(good as Extract<typeof good, { type: 'call' }>),
        callId: (visitor.settledCallId + 1) as CallId,
        args,
      });
      await home.time.settle();
    }
    visitor.call(4, 'unknown');
    visitor.call(5, 'write', { text: 'a' });
    await home.time.settle();
    expect(
      visitor.outcomes.map((outcome) => (outcome.type === 'rejected' ? outcome.rejection.code : outcome.type)),
    ).toEqual(['args-invalid', 'args-invalid', 'args-invalid', 'reducer-unknown', 'committed']);
    expect(visitor.isClosed).toBe(false);
  });

  it('[SES-10] is told of leased values when they are durable, once each, and of more before they run out', async () => {
    const { home, hub } = await open();
    home.log.isHeld = true;
    const visitor = new Visitor(home, 1);
    visitor.connect(hub);
    visitor.hello();
    await home.time.settle();
    home.log.letGo();
    await home.time.settle();
    expect([visitor.of('welcome').length, visitor.of('lease').length]).toEqual([1, 0]);
    home.log.isHeld = false;
    home.log.letGo();
    await home.time.settle();
    expect(visitor.of('lease')).toEqual([{ type: 'lease', tableId: 0, column: 0, from: 1n, to: 16_385n }]);
    const skipped = 4_096 - 129;
    const draw = (callId: number) =>
      visitor.call(callId, 'write', { text: 'a' }, [{ tableId: 0, column: 0, first: BigInt(callId + skipped) }]);
    for (let callId = 1; callId <= 127; callId++) draw(callId);
    await home.time.settle();
    home.log.isHeld = true;
    draw(128);
    await home.time.settle();
    // Lent by this one, which waits for the batch of the one before it.
    draw(129);
    await home.time.settle();
    home.log.letGo();
    await home.time.settle();
    expect([visitor.outcomes.length, visitor.of('lease').length]).toEqual([128, 1]);
    home.log.isHeld = false;
    home.log.letGo();
    await home.time.settle();
    expect(visitor.of('lease').map(({ from, to }) => `${from}-${to}`)).toEqual(['1-16385', '16385-20481']);
    expect(home.rows('entry').map((row) => row['id'])).toEqual(
      Array.from({ length: 129 }, (_, i) => BigInt(i + 1 + skipped)),
    );
  });

  it('[EXO-5] that acknowledges, by message or in its hello, has its outcomes forgotten', async () => {
    const { home, hub } = await open();
    const visitor = await visit(home, hub, 1);
    for (let callId = 1; callId <= 4; callId++) visitor.call(callId, 'nothing');
    await home.time.settle();
    visitor.say({ type: 'acknowledge', seq: 0 as Seq, callId: 2 as CallId });
    await home.time.settle();
    const record = home.authority.client(clientIdOf(1), home.client(1).identity);
    expect(record.unacknowledged).toBe(2);
    await visit(home, hub, 1, { settledCallId: 4 as CallId });
    expect(record.unacknowledged).toBe(0);
  });
});

describe('a subscription', () => {
  it('[SES-9] brings the changes of its tables, and a session without one gets none', async () => {
    const { home, hub } = await open();
    const [all, entries, nobody] = [
      await visit(home, hub, 1, { queries: everything }),
      await visit(home, hub, 2, { queries: ['SELECT * FROM entry'] }),
      await visit(home, hub, 3),
    ];
    const before = nobody.frames.length;
    const writer = await visit(home, hub, 4);
    writer.call(1, 'write', { text: 'a' });
    writer.call(2, 'add', { name: 'x', value: 1n });
    writer.call(3, 'shine', { text: 'flash' });
    writer.call(4, 'mix', { text: 'mixed' });
    await home.time.settle();
    expect(text(all.rows('total'))).toEqual(text(home.rows('total')));
    expect(text(entries.rows('entry'))).toEqual(text(home.rows('entry')));
    expect(entries.rows('total')).toEqual([]);
    expect(entries.of('batch').flatMap(({ commits }) => commits.map(({ changes }) => changes.length))).toEqual([1, 1]);
    expect(all.rows('entry')).toHaveLength(2);
    expect(nobody.frames.length).toBe(before);
    expect(writer.of('batch').flatMap(({ commits }) => commits)).toEqual([]);
    expect(writer.outcomes).toHaveLength(4);
    expect([all.events, writer.events]).toEqual([[], []]);
  });

  it('to an event table brings its rows, once', async () => {
    const { home, hub } = await open();
    const visitor = await visit(home, hub, 1, { queries: ['SELECT * FROM flash', 'SELECT * FROM flash'] });
    visitor.call(1, 'shine', { text: 'a' });
    await home.time.settle();
    expect(visitor.events).toEqual([{ text: 'a' }]);
    expect(visitor.of('snapshot')).toEqual([]);
  });

  it('[SEC-1] never brings anything of a private table, by whatever way', async () => {
    const { home, hub } = await open();
    const visitor = await visit(home, hub, 1, { queries: everything });
    for (const [i, query] of [
      'SELECT * FROM hidden',
      'select * from "hidden";',
      'SELECT * FROM HIDDEN',
      'SELECT * FROM main.hidden',
    ].entries()) {
      visitor.say({
        type: 'subscribe',
        subscription: { subscriptionId: 10 + i, queries: ['SELECT * FROM entry', query] },
      });
    }
    visitor.call(1, 'hide', { text: 'swordfish' });
    visitor.call(2, 'write', { text: 'seen' });
    visitor.call(3, 'mix', { text: 'mixed' });
    await home.time.settle();
    visitor.position = undefined;
    visitor.connect(hub);
    visitor.hello({ queries: [...everything, 'SELECT * FROM hidden'] });
    await home.time.settle();
    const bytes = Buffer.concat(visitor.frames.map((frame) => Buffer.from(frame))).toString('latin1');
    expect(bytes).toContain('seen');
    expect(bytes).toContain('mixed');
    expect(bytes).not.toContain('swordfish');
    expect(bytes).not.toContain('hidden mixed');
    expect(home.rows('hidden')).toMatchObject([{ text: 'swordfish' }, { text: 'hidden mixed' }, {}]);
    const hidden = home.authority.definition.tables.findIndex(({ accessor }) => accessor === 'hidden');
    expect(visitor.tables.has(hidden)).toBe(false);
  });

  it('[SES-8] that is refused says so after the welcome, and the connection goes on', async () => {
    const { home, hub } = await open();
    const visitor = new Visitor(home, 1);
    visitor.connect(hub);
    visitor.hello({
      subscriptions: [
        { subscriptionId: 1, queries: ['SELECT * FROM nowhere'] },
        { subscriptionId: 2, queries: ['SELECT * FROM total'] },
      ],
    });
    await home.time.settle();
    expect(types(visitor).slice(0, 2)).toEqual(['welcome', 'subscriptionRefused']);
    expect(visitor.of('subscriptionRefused')).toMatchObject([
      { subscriptionId: 1, message: expect.stringMatching(/no table 'nowhere'/) },
    ]);
    expect(visitor.rows('total')).toHaveLength(1);
    visitor.say({ type: 'subscribe', subscription: { subscriptionId: 3, queries: ['DROP TABLE total'] } });
    await home.time.settle();
    expect(visitor.of('subscriptionRefused')).toHaveLength(2);
    expect(visitor.isClosed).toBe(false);
    visitor.call(1, 'add', { name: 'x', value: 1n });
    await home.time.settle();
    expect(text(visitor.rows('total'))).toEqual(text(home.rows('total')));
  });

  it('may begin and end while connected; after its end its changes stop', async () => {
    const { home, hub } = await open();
    const visitor = await visit(home, hub, 1);
    visitor.call(1, 'add', { name: 'x', value: 1n });
    visitor.say({ type: 'subscribe', subscription: { subscriptionId: 5, queries: ['SELECT * FROM total'] } });
    visitor.call(2, 'add', { name: 'y', value: 1n });
    await home.time.settle();
    expect(visitor.of('applied')).toMatchObject([{ subscriptionId: 0 }, { subscriptionId: 5 }]);
    expect(text(visitor.rows('total'))).toEqual(text(home.rows('total')));
    visitor.say({ type: 'unsubscribe', subscriptionId: 5 }, { type: 'unsubscribe', subscriptionId: 77 });
    visitor.call(3, 'add', { name: 'z', value: 1n });
    await home.time.settle();
    expect(visitor.of('ended')).toMatchObject([{ subscriptionId: 77 }, { subscriptionId: 5 }]);
    expect(visitor.rows('total')).toEqual([]);
    expect(visitor.outcomes).toHaveLength(3);
  });

  it('of two that share a table ends alone', async () => {
    const { home, hub } = await open();
    const visitor = await visit(home, hub, 1, { queries: ['SELECT * FROM total'] });
    visitor.say({
      type: 'subscribe',
      subscription: { subscriptionId: 2, queries: ['SELECT * FROM total', 'SELECT * FROM entry'] },
    });
    await home.time.settle();
    visitor.say({ type: 'unsubscribe', subscriptionId: 2 });
    visitor.call(1, 'add', { name: 'x', value: 1n });
    await home.time.settle();
    expect(text(visitor.rows('total'))).toEqual(text(home.rows('total')));
  });

  it('of large rows comes in frames of a bounded size', async () => {
    const { home, hub } = await open();
    const client = home.client(9);
    for (let callId = 1; callId <= 8; callId++)
      home.call(client, callId, 'write', { text: `${callId}`.repeat(100_000) });
    await home.time.settle();
    const visitor = await visit(home, hub, 1, { queries: ['SELECT * FROM entry'] });
    expect(text(visitor.rows('entry'))).toEqual(text(home.rows('entry')));
    const snapshots = visitor.of('snapshot').length;
    expect(snapshots).toBeGreaterThan(2);
    expect(Math.max(...visitor.frames.map((frame) => frame.length))).toBeLessThan(limits.frameBytesTarget + 200_000);
  });
});

describe('a client that comes back', () => {
  async function away(
    during: (home: Home) => Promise<void> | void,
  ): Promise<{ home: Home; hub: SessionHub; visitor: Visitor; left: number }> {
    const { home, hub } = await open();
    const visitor = await visit(home, hub, 1, { queries: everything });
    visitor.call(1, 'add', { name: 'x', value: 1n });
    await home.time.settle();
    visitor.hangUp();
    await home.time.settle();
    await during(home);
    await home.time.settle();
    visitor.messages.length = 0;
    visitor.connect(hub);
    return { home, hub, visitor, left: visitor.position?.seq ?? 0 };
  }
  const change = (home: Home) => {
    const client = home.client(5);
    for (let callId = 1; callId <= 20; callId++)
      home.call(client, callId, 'add', { name: `n${callId % 4}`, value: 1n });
    home.call(client, 21, 'drop', { name: 'x' });
    home.call(client, 22, 'hide', { text: 'private' });
  };

  it('[SES-3] [SES-4] gets the commits that it missed, and holds what a snapshot would have given', async () => {
    const { home, visitor, left } = await away(change);
    visitor.hello({ queries: everything });
    await home.time.settle();
    expect(visitor.welcome).toMatchObject({ resumed: true });
    const seqs = visitor.of('batch').flatMap(({ commits }) => commits.map(({ seq }) => seq));
    expect(Math.min(...seqs)).toBeGreaterThan(left);
    expect(new Set(seqs).size).toBe(seqs.length);
    expect([visitor.of('snapshot').length, visitor.of('applied').length]).toEqual([0, 0]);
    for (const accessor of ['entry', 'total', 'online', 'ended']) {
      expect(text(visitor.rows(accessor))).toEqual(text(home.rows(accessor)));
    }
  });

  it.each<[string, (visitor: Visitor, home: Home) => Partial<HelloMessage>]>([
    [
      'another epoch',
      ({ position }) => ({ position: { epoch: 'ffffffffffffffff' as Epoch, seq: position?.seq ?? (0 as Seq) } }),
    ],
    [
      'beyond what is durable',
      ({ position }, home) =>
        position ? { position: { ...position, seq: (home.authority.durableSeq + 9) as Seq } } : {},
    ],
    ['none', () => ({ position: undefined })],
  ])('[SES-3] with a position of %s gets a snapshot', async (_, hello) => {
    const { home, visitor } = await away(change);
    visitor.hello({ queries: everything, ...hello(visitor, home) });
    await home.time.settle();
    expect(visitor.welcome).toMatchObject({ resumed: false });
    expect(visitor.of('applied')).toHaveLength(1);
    for (const accessor of ['entry', 'total', 'online', 'ended']) {
      expect(text(visitor.rows(accessor))).toEqual(text(home.rows(accessor)));
    }
  });

  it('[SES-3] [SES-4] to a hub that did not see what it missed gets it from the log', async () => {
    const { home, visitor } = await away(change);
    visitor.connect(hubOf(home));
    visitor.hello({ queries: everything });
    await logRead(home);
    expect(visitor.welcome).toMatchObject({ resumed: true });
    expect(visitor.of('snapshot')).toEqual([]);
    for (const accessor of ['entry', 'total', 'online', 'ended']) {
      expect(text(visitor.rows(accessor))).toEqual(text(home.rows(accessor)));
    }
  });

  it('[SES-3] gets a snapshot when it missed more than resumeBytesMax of the log, and resumes if it missed nothing', async () => {
    const { home, visitor } = await away(change);
    const young = hubOf(home);
    const { position } = visitor;
    const { resumeBytesMax } = limits;
    Object.assign(limits, { resumeBytesMax: 100 });
    onTestFinished(() => void Object.assign(limits, { resumeBytesMax }));
    visitor.connect(young);
    visitor.hello({ queries: everything });
    await logRead(home);
    expect(visitor.welcome).toMatchObject({ resumed: false });
    expect(visitor.position?.seq).toBeGreaterThan(position?.seq ?? 0);
    visitor.connect(young);
    visitor.hello({ queries: everything });
    await home.time.settle();
    expect(visitor.welcome).toMatchObject({ resumed: true });
    expect(text(visitor.rows('total'))).toEqual(text(home.rows('total')));
  });
});

/** A log is read batch by batch. */
async function logRead(home: Home): Promise<void> {
  for (let i = 0; i < 20; i++) await home.time.settle();
}

describe('a snapshot', () => {
  it('[SES-5] of rows that change while it is sent is, when applied, the rows as of that moment', async () => {
    const { home, hub } = await open();
    const client = home.client(9);
    home.call(client, 1, 'fill', { from: 0, to: 3_500 });
    await home.time.settle();
    const visitor = new Visitor(home, 1);
    const at: string[][] = [];
    const states = new Map<number, string[]>();
    home.authority.listen({
      durable: () => void states.set(home.authority.executedSeq, text(home.rows('total'))),
      unavailable: () => {},
    });
    visitor.onApplied = (_, seq) => {
      at.push(text(visitor.rows('total')));
      expect(text(visitor.rows('total'))).toEqual(states.get(seq));
    };
    visitor.connect(hub);
    visitor.hello({ queries: ['SELECT * FROM total'] });
    let callId = 1;
    for (let round = 0; round < 60; round++) {
      home.time.tick();
      await undefined;
      // Ahead of the chunks, behind them, and where they are; several calls to a batch.
      for (const name of [`k${round}`, `k${3_499 - round}`, `k${(round * 997) % 3_500}`, `new${round}`])
        home.call(client, ++callId, 'add', { name, value: 1n });
      home.call(client, ++callId, 'drop', { name: `k${(round * 31 + 7) % 3_500}` });
      home.call(client, ++callId, 'drop', { name: `new${round - 5}` });
    }
    await home.time.settle();
    expect(at).toHaveLength(1);
    expect(visitor.of('snapshot').length).toBeGreaterThan(3);
    expect(text(visitor.rows('total'))).toEqual(text(home.rows('total')));
  });

  it('ends with its subscription or connection', async () => {
    const { home, hub } = await open();
    home.call(home.client(9), 1, 'fill', { from: 0, to: 5_000 });
    await home.time.settle();
    const visitor = await visit(home, hub, 1);
    visitor.say({ type: 'subscribe', subscription: { subscriptionId: 1, queries: ['SELECT * FROM total'] } });
    home.time.tick();
    visitor.say({ type: 'unsubscribe', subscriptionId: 1 });
    await home.time.settle();
    expect(visitor.of('applied')).toMatchObject([{ subscriptionId: 0 }]);
    expect(visitor.of('snapshot').length).toBeLessThan(5);
    expect(visitor.of('ended')).toMatchObject([{ subscriptionId: 1 }]);
    visitor.say({ type: 'subscribe', subscription: { subscriptionId: 2, queries: ['SELECT * FROM total'] } });
    home.time.tick();
    visitor.hangUp();
    await home.time.settle();
    expect(hub.sessionCount).toBe(0);
  });

  it('[AUT-1] [SES-2] holds nothing that is not durable, and comes after the batches that it contains', async () => {
    const { home, hub } = await open();
    const visitor = await visit(home, hub, 1);
    home.log.isHeld = true;
    visitor.call(1, 'write', { text: 'unsure' });
    await home.time.settle();
    visitor.say({ type: 'subscribe', subscription: { subscriptionId: 1, queries: ['SELECT * FROM entry'] } });
    await home.time.settle();
    // The one of the hello, to nothing.
    expect([visitor.of('snapshot').length, visitor.of('applied').length, visitor.outcomes.length]).toEqual([0, 1, 0]);
    home.log.isHeld = false;
    home.log.letGo();
    await home.time.settle();
    const order = types(visitor).slice(types(visitor).indexOf('batch'));
    expect(order).toEqual(['batch', 'snapshot', 'applied']);
    // And when the batch is lost, nobody has seen it.
    const other = await visit(home, hub, 2);
    home.log.isHeld = true;
    other.call(1, 'write', { text: 'never was' });
    await home.time.settle();
    other.say({ type: 'subscribe', subscription: { subscriptionId: 1, queries: ['SELECT * FROM entry'] } });
    await home.time.settle();
    home.log.isBroken = true;
    home.log.letGo();
    await home.time.settle();
    expect(other.of('snapshot')).toEqual([]);
    expect(other.error).toMatchObject({ code: 'log-unavailable' });
    expect(Buffer.concat(other.frames).toString('latin1')).not.toContain('never was');
  });
});

describe('frames', () => {
  it('[WIR-5] may hold any number of messages, which are handled in order', async () => {
    const { home, hub } = await open();
    const visitor = await visit(home, hub, 1, { queries: ['SELECT * FROM entry'] });
    const writer = new ByteWriter();
    for (let callId = 1; callId <= 300; callId++)
      encodeClientMessage(writer, visitor.callMessage(callId, 'write', { text: `${callId}` }));
    visitor.sendBytes(writer.take());
    await home.time.settle();
    expect(visitor.outcomes.map(({ callId }) => callId)).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
    expect(visitor.rows('entry').map((row) => row['text'])).toEqual(Array.from({ length: 300 }, (_, i) => `${i + 1}`));
    expect(visitor.of('batch').filter(({ commits }) => commits.length > 0)).toHaveLength(1);
  });

  it('[WIR-4] that go wrong half-way have their first half done', async () => {
    const { home, hub } = await open();
    const visitor = await visit(home, hub, 1);
    const writer = new ByteWriter();
    encodeClientMessage(writer, visitor.callMessage(1, 'write', { text: 'done' }));
    writer.u8(0x77);
    encodeClientMessage(writer, visitor.callMessage(2, 'write', { text: 'not done' }));
    visitor.sendBytes(writer.take());
    visitor.call(3, 'write', { text: 'after the end' });
    await home.time.settle();
    expect(visitor.error).toMatchObject({ code: 'frame-invalid' });
    expect(home.rows('entry').map((row) => row['text'])).toEqual(['done']);
    expect(home.rows('online')).toEqual([]);
  });

  it('are the very same bytes for sessions that are sent the same', async () => {
    const { home, hub } = await open();
    const sent: Uint8Array[] = [];
    for (const number of [1, 2, 3]) {
      const visitor = new Visitor(home, number);
      hub.accept((events) => {
        const transport = {
          send: (frame: Uint8Array) => void sent.push(frame),
          close: () => {},
          bufferedBytes: () => 0,
        };
        const writer = new ByteWriter();
        encodeClientMessage(writer, {
          type: 'hello',
          version: protocolVersion,
          moduleHash: home.authority.definition.hash,
          clientId: clientIdOf(number),
          token: `${visitor.number}`,
          position: undefined,
          settledCallId: 0 as CallId,
          subscriptions: [
            { subscriptionId: 1, queries: number < 3 ? ['SELECT * FROM total'] : ['SELECT * FROM entry'] },
          ],
        });
        home.environment.scheduler.soon(() => events.receive(writer.take()));
        return transport;
      });
    }
    await home.time.settle();
    sent.length = 0;
    home.call(home.client(9), 1, 'add', { name: 'x', value: 1n });
    await home.time.settle();
    expect(sent).toHaveLength(2);
    expect(sent[0]).toBe(sent[1]);
  });
});

describe('a hub that closes', () => {
  it('ends every connection, saying why, and their hooks run', async () => {
    const { home, hub } = await open();
    const visitors = [await visit(home, hub, 1), await visit(home, hub, 2)];
    hub.close();
    await home.time.settle();
    for (const visitor of visitors) {
      expect(visitor.error).toMatchObject({ code: 'client-closed', message: expect.stringMatching(/Connect again/) });
      expect(visitor.isClosed).toBe(true);
    }
    expect([hub.sessionCount, home.rows('online').length, home.rows('ended').length]).toEqual([0, 0, 2]);
  });
});
