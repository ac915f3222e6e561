import { describe, expect, test } from 'vitest';
import { TestTime } from '../../core/authority/home.testing.ts';
import { ByteReader, ByteWriter } from '../../core/codec/bytes.ts';
import { type CallId, clientIdFromBytes, type Epoch, type Seq } from '../../core/commit/call.ts';
import { decodeClientMessage, encodeServerMessage } from '../../core/protocol/frame.ts';
import type { ClientMessage, RowsFrame, ServerMessage } from '../../core/protocol/messages.ts';
import type { TransportEvents } from '../../core/protocol/transport.ts';
import { protocolVersion } from '../../core/protocol/version.ts';
import { AuthorityModule } from './authority-module.ts';
import { Connection } from './connection.ts';
import { DelayLine } from './delay-line.ts';
import { ServerClock } from './server-clock.ts';

type SentByServer = Exclude<ServerMessage, RowsFrame>;

const welcome: SentByServer = {
  type: 'welcome',
  epoch: '0'.repeat(16) as Epoch,
  seq: 0 as Seq,
  resumed: false,
  lastCallId: 0 as CallId,
  identity: 1n,
  connectionId: 1n,
  token: '',
  databaseIdentity: 0n,
  authorityMicros: 1_000_000,
};

/** A connection whose far end is played by the test. */
class Bench {
  readonly time = new TestTime();
  readonly heard: string[] = [];
  readonly pauses: number[] = [];
  readonly lives: (TransportEvents & {
    readonly opened: () => void;
    readonly sent: ClientMessage[];
    isClosed: boolean;
  })[] = [];
  readonly connection: Connection;

  /** `drawn`: what chance gives. */
  constructor(drawn?: number) {
    const { environment } = this.time;
    this.connection = new Connection({
      environment:
        drawn === undefined ? environment : { ...environment, entropy: { fill: (bytes) => bytes.fill(drawn) } },
      connect: (events) => {
        const life = { ...events, sent: [] as ClientMessage[], isClosed: false };
        this.lives.push(life);
        return {
          send: (frame) => {
            const reader = new ByteReader(frame);
            while (reader.remaining > 0) life.sent.push(decodeClientMessage(reader));
          },
          close: () => {
            life.isClosed = true;
            events.closed();
          },
          bufferedBytes: () => 0,
        };
      },
      hello: () => ({
        type: 'hello',
        version: protocolVersion,
        moduleHash: '',
        clientId: clientIdFromBytes(new Uint8Array(16)),
        token: '',
        position: undefined,
        settledCallId: 0 as CallId,
        subscriptions: [],
      }),
      proposedMicros: undefined,
      module: new AuthorityModule({ tables: [], reducers: [], views: [], visibilityFilters: [], hash: '' }, () => {
        throw new RangeError('no rows in these tests');
      }),
      events: {
        welcomed: () => this.heard.push('welcomed'),
        received: (messages) => this.heard.push(messages.map(({ type }) => type).join()),
        lost: (error, retryMs) => {
          this.heard.push(`lost ${error.code}`);
          if (retryMs !== undefined) this.pauses.push(retryMs);
        },
      },
    });
    this.connection.start();
  }

  get life(): Bench['lives'][number] {
    const life = this.lives.at(-1);
    if (life === undefined) throw new RangeError('no connection was made');
    return life;
  }

  say(message: SentByServer, life: Bench['lives'][number] = this.life): void {
    const writer = new ByteWriter();
    encodeServerMessage(writer, message);
    life.receive(writer.take());
  }

  goLive(): void {
    this.life.opened();
    this.say(welcome);
  }
}

const lease: SentByServer = { type: 'lease', tableId: 0, column: 0, from: 1n, to: 2n };

describe('a connection', () => {
  test('[SUB-6] sends nothing of a message that can not be written', async () => {
    const bench = new Bench();
    bench.goLive();
    await bench.time.settle();
    const sentBefore = bench.life.sent.length;
    const subscribe = (query: string) =>
      bench.connection.send({ type: 'subscribe', subscription: { subscriptionId: 1, queries: ['SELECT', query] } });
    expect(() => subscribe('👍'.slice(1))).toThrowError(/lone surrogate/);
    subscribe('whole');
    await bench.time.settle();
    expect(bench.life.sent.slice(sentBefore)).toMatchObject([
      { type: 'subscribe', subscription: { queries: ['SELECT', 'whole'] } },
    ]);
  });

  test('[CLI-1] is opened again after pauses that grow, up to a limit', async () => {
    const bench = new Bench();
    for (let i = 0; i < 12; i++) {
      bench.life.closed();
      await bench.time.advance(bench.pauses.at(-1) ?? 0);
    }
    expect(bench.lives.length).toBe(13);
    expect(Math.max(...bench.pauses.slice(0, 2))).toBeLessThan(1_000);
    expect(Math.max(...bench.pauses)).toBeGreaterThan(1_000);
    expect(Math.max(...bench.pauses)).toBeLessThanOrEqual(10_125);
  });

  test('[CLI-1] is not opened again when the answer would be the same', async () => {
    const bench = new Bench();
    bench.life.opened();
    bench.say({ type: 'error', code: 'module-mismatch', message: 'reload' });
    bench.life.closed();
    await bench.time.advance(60_000);
    expect(bench.lives.length).toBe(1);
    expect(bench.heard).toEqual(['lost module-mismatch']);
  });

  test('[CLI-2] is heard of as welcomed, messages, lost; frames of an earlier one are not heard', async () => {
    const bench = new Bench();
    bench.goLive();
    bench.say(lease);
    const first = bench.life;
    first.closed();
    bench.say(lease, first);
    first.closed();
    await bench.time.advance(1_000);
    bench.goLive();
    bench.say(lease, first);
    bench.say(lease);
    expect(bench.heard).toEqual(['welcomed', 'lease', 'lost not-connected', 'welcomed', 'lease']);
  });

  test('[CLI-3] on which nothing is heard for ten seconds is given up', async () => {
    const bench = new Bench();
    bench.goLive();
    await bench.time.advance(9_000);
    bench.say({ type: 'pong', sentMs: 0, authorityMicros: 1 });
    await bench.time.advance(9_000);
    expect(bench.heard).toEqual(['welcomed']);
    expect(bench.life.sent.some(({ type }) => type === 'ping')).toBe(true);
    await bench.time.advance(1_001);
    expect(bench.lives[0]?.isClosed).toBe(true);
    expect(bench.heard).toEqual(['welcomed', 'lost not-connected']);
  });

  test('[CLI-15] that was asleep asks before it gives up: it stays when it is answered', async () => {
    const bench = new Bench();
    bench.goLive();
    await bench.time.advance(1);
    // The lid is closed for an hour: no timer runs, and nothing comes.
    bench.time.nowMs += 3_600_000;
    const { life } = bench;
    const sent = life.sent.length;
    await bench.time.advance(1);
    expect(life.sent.slice(sent).some(({ type }) => type === 'ping')).toBe(true);
    bench.say({ type: 'pong', sentMs: bench.time.nowMs, authorityMicros: 2_000_000 });
    await bench.time.advance(5_000);
    expect(bench.lives).toHaveLength(1);
    expect(bench.heard).toEqual(['welcomed']);
  });

  test('[CLI-15] that was asleep and is not answered is made anew within seconds', async () => {
    const bench = new Bench();
    bench.goLive();
    await bench.time.advance(1);
    bench.time.nowMs += 3_600_000;
    await bench.time.advance(4_000);
    expect(bench.heard).toEqual(['welcomed', 'lost not-connected']);
    expect(bench.lives).toHaveLength(2);
  });

  test('[CLI-15] whose timers run once a minute, as a browser has it with tabs in the background, stays', async () => {
    const bench = new Bench();
    bench.goLive();
    for (let minute = 0; minute < 10; minute++) {
      // What is due within the minute runs at its end; pings are answered at once.
      bench.time.nowMs += 60_000;
      const sent = bench.life.sent.length;
      await bench.time.advance(0);
      for (const message of bench.life.sent.slice(sent))
        if (message.type === 'ping') bench.say({ type: 'pong', sentMs: message.sentMs, authorityMicros: 2_000_000 });
    }
    expect(bench.heard).toEqual(['welcomed']);
    expect(bench.lives).toHaveLength(1);
  });

  test('[CLI-13] that hangs while it is made is made anew soon after the network is back', async () => {
    const bench = new Bench();
    for (const isOpened of [false, true]) {
      const before = bench.lives.length;
      if (isOpened) bench.life.opened();
      bench.connection.retryNow();
      await bench.time.advance(1_900);
      expect(bench.lives).toHaveLength(before);
      await bench.time.advance(200);
      expect(bench.lives).toHaveLength(before + 1);
      expect(bench.lives[before - 1]?.isClosed).toBe(true);
    }
  });

  test('[CLI-13] that is live is asked when the network is back: one that does not answer is made anew soon', async () => {
    const bench = new Bench();
    bench.goLive();
    await bench.time.advance(1_000);
    const { life } = bench;
    const sent = life.sent.length;
    bench.connection.retryNow();
    bench.connection.retryNow();
    await bench.time.settle();
    expect(life.sent.slice(sent).map(({ type }) => type)).toEqual(['ping']);
    bench.say({ type: 'pong', sentMs: 0, authorityMicros: 2_000_000 });
    await bench.time.advance(2_500);
    expect(bench.lives).toHaveLength(1);
    bench.connection.retryNow();
    await bench.time.advance(2_100);
    expect(life.isClosed).toBe(true);
    expect(bench.lives).toHaveLength(2);
  });

  test('[CLI-1] comes back at another time than others that were lost with it', async () => {
    const pauses = new Set<number>();
    for (const drawn of [0, 50, 100, 150, 200, 255]) {
      const bench = new Bench(drawn);
      for (let i = 0; i < 6; i++) {
        bench.life.closed();
        if (i < 5) await bench.time.advance(bench.pauses.at(-1) ?? 0);
      }
      pauses.add(bench.pauses.at(-1) ?? 0);
    }
    expect(pauses.size).toBe(6);
    // Over all of the pause, not about its end.
    expect(Math.min(...pauses)).toBeLessThan(0.1 * Math.max(...pauses));
  });

  test('sends nothing before it is live, and says hello first', async () => {
    const bench = new Bench();
    bench.connection.send({ type: 'unsubscribe', subscriptionId: 1 });
    bench.life.opened();
    bench.connection.send({ type: 'unsubscribe', subscriptionId: 2 });
    bench.say(welcome);
    bench.connection.send({ type: 'unsubscribe', subscriptionId: 3 });
    await bench.time.settle();
    expect(bench.life.sent.map(({ type }) => type)).toEqual(['hello', 'ping', 'unsubscribe']);
  });

  test('[WIR-4] that receives what is no message is closed, and opened again', async () => {
    const bench = new Bench();
    bench.goLive();
    bench.life.receive(new Uint8Array([255, 1, 2]));
    expect(bench.lives[0]?.isClosed).toBe(true);
    expect(bench.heard).toEqual(['welcomed', 'lost not-connected']);
    await bench.time.advance(1_000);
    bench.goLive();
    expect(bench.heard.at(-1)).toBe('welcomed');
  });
});

describe('simulated latency', () => {
  test('[CLI-10] delays what passes and never reorders it, also while it changes', async () => {
    const time = new TestTime();
    const line = new DelayLine(time.environment);
    const arrived: string[] = [];
    const startMs = time.nowMs;
    const pass = (name: string): void => line.pass(() => arrived.push(`${name} ${time.nowMs - startMs}`));
    line.delayMs = 100;
    pass('a');
    await time.advance(10);
    line.delayMs = 0;
    pass('b');
    line.delayMs = 20;
    pass('c');
    await time.advance(200);
    pass('d');
    await time.advance(200);
    expect(arrived).toEqual(['a 100', 'b 100', 'c 100', 'd 230']);
  });

  test('[CLI-10] holds for both directions of a connection', async () => {
    const bench = new Bench();
    bench.connection.simulateLatency(200);
    bench.life.opened();
    await bench.time.advance(99);
    expect(bench.life.sent).toEqual([]);
    await bench.time.advance(1);
    expect(bench.life.sent.map(({ type }) => type)).toEqual(['hello']);
    bench.say(welcome);
    await bench.time.advance(99);
    expect(bench.heard).toEqual([]);
    await bench.time.advance(1);
    expect(bench.heard).toEqual(['welcomed']);
  });
});

describe("the estimate of the authority's time", () => {
  function bench() {
    const time = new TestTime();
    const skew = { wallMs: 0, monotonicMs: 0 };
    const clock = new ServerClock(time.environmentOf(() => true, skew).clock);
    return {
      time,
      skew,
      clock,
      /** An answer after so long a way, of an authority whose clock is `aheadMs` ahead; the way back takes `backMs` of it. */
      answered: (aheadMs: number, roundTripMs: number, backMs = roundTripMs / 2) =>
        clock.learn((time.nowMs + aheadMs - backMs) * 1000, roundTripMs),
      /** How far a proposal is from what the time will be when it arrives. */
      errorMs: (aheadMs: number, transitMs: number) =>
        Math.abs(clock.arrivalMicros() / 1000 - (time.nowMs + aheadMs + transitMs)),
    };
  }

  test('[CLI-4] follows the quickest of the recent answers, and drift', async () => {
    const { time, answered, errorMs } = bench();
    answered(5_000, 600, 290);
    answered(5_000, 20, 18);
    answered(5_000, 400, 190);
    expect(errorMs(5_000, 200)).toBeLessThanOrEqual(10);
    // An hour later the authority's clock has run 100 ms ahead.
    await time.advance(3_600_000);
    answered(5_100, 40);
    expect(errorMs(5_100, 20)).toBeLessThanOrEqual(20);
  });

  test('[CLI-4] knows what time it will be there when a call arrives', () => {
    const { time, clock, answered, errorMs } = bench();
    clock.greeted({ authorityMicros: (time.nowMs - 400) * 1000, epoch: welcome.epoch }, 800);
    expect(errorMs(0, 400)).toBeLessThan(1);
    answered(0, 800);
    expect(errorMs(0, 400)).toBeLessThan(1);
  });

  test('[CLI-4] never proposes the same or an earlier time twice', () => {
    const { clock, answered } = bench();
    const first = clock.arrivalMicros();
    answered(-200, 10);
    expect(clock.arrivalMicros()).toBeGreaterThan(first);
    const times = Array.from({ length: 100 }, () => clock.arrivalMicros());
    expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
  });

  test('[CLI-4] goes on from the wall clock ascending while there is nothing else, and leaves it when there is', () => {
    const { time, skew, clock, answered, errorMs } = bench();
    skew.wallMs = 60_000;
    const ahead = clock.arrivalMicros();
    skew.wallMs = 0;
    expect(clock.arrivalMicros()).toBe(ahead + 1);
    answered(0, 40);
    expect(errorMs(0, 20)).toBeLessThanOrEqual(1);
    // What the authority gave the calls that were too far ahead is the least from there on.
    clock.given(ahead, (time.nowMs + 100) * 1000);
    expect(clock.arrivalMicros()).toBe((time.nowMs + 100) * 1000 + 1);
  });

  test.each([-10_000, 10_000, 3_600_000])(
    '[CLI-4] takes over a step of %d ms with the first answer',
    async (stepMs) => {
      const { time, clock, answered, errorMs } = bench();
      for (let i = 0; i < 16; i++) {
        answered(0, 8);
        await time.advance(3_000);
      }
      clock.arrivalMicros();
      answered(stepMs, 120);
      expect(errorMs(stepMs, 60)).toBeLessThanOrEqual(60);
    },
  );

  test('[CLI-4] takes over with the first answer what its own standing still has made of the time', async () => {
    const { time, skew, clock, answered, errorMs } = bench();
    answered(0, 8);
    clock.arrivalMicros();
    expect(clock.isDoubted).toBe(false);
    skew.monotonicMs = -3_600_000;
    await time.advance(3_600_000);
    expect(clock.isDoubted).toBe(true);
    answered(0, 120);
    expect([clock.isDoubted, errorMs(0, 60) <= 60]).toEqual([false, true]);
  });

  test('[CLI-4] in doubt believes a newer answer that an older one only just allows', () => {
    const { time, clock, answered, errorMs } = bench();
    answered(0, 400);
    answered(300, 400);
    // Both may be right: the ways there and back may differ.
    answered(0, 398);
    expect(errorMs(0, 199)).toBeLessThanOrEqual(1);
    clock.given(clock.arrivalMicros(), (time.nowMs + 500) * 1000);
    expect(clock.isDoubted).toBe(true);
    answered(500, 400);
    expect(errorMs(500, 200)).toBeLessThanOrEqual(2);
  });
});
