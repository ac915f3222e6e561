import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CallId, clientIdFromBytes } from '../commit/call.ts';
import { callRandom } from './call-seed.ts';

const clientId = clientIdFromBytes(Uint8Array.from({ length: 16 }, (_, i) => i * 16 + 1));
const timestampMicros = 1_767_225_600_123_456;

function of(callId: number, more: { client?: number; micros?: number; secret?: string } = {}) {
  const client = more.client === undefined ? clientId : clientIdFromBytes(new Uint8Array(16).fill(more.client));
  const micros = more.micros ?? timestampMicros;
  const call = { clientId: client, callId: callId as CallId, timestampMicros: micros, proposedMicros: micros };
  return callRandom(call, more.secret);
}

/** Mean distance from what is expected of each bucket, in standard deviations squared; near 1 for chance. */
function chiSquaredPerBucket(counts: readonly number[]): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0) / (counts.length - 1);
}

function histogram(buckets: number, draws: number, draw: (i: number) => number): number[] {
  const counts = new Array<number>(buckets).fill(0);
  for (let i = 0; i < draws; i++) {
    const bucket = draw(i);
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }
  return counts;
}

describe('the numbers of a call', () => {
  it('[DET-2] are the same in every run of it', () => {
    const draw = () => {
      const { random, newUuidV4, newUuidV7 } = of(5);
      return [
        random(),
        random.uint32(),
        random.integerInRange(-5, 5),
        random.bigintInRange(0n, 1n << 100n),
        random.fill(new Uint8Array(7)),
        random.fill(new BigInt64Array(2)),
        `${newUuidV4()} ${newUuidV7()}`,
      ];
    };
    expect(draw()).toEqual(draw());
    expect(draw()).toMatchInlineSnapshot(`
      [
        0.01911073504423899,
        2560088705,
        -1,
        1036757994846393857734913805368n,
        Uint8Array [
          152,
          221,
          109,
          38,
          147,
          50,
          245,
        ],
        BigInt64Array {
          "0": 7498611068183057392n,
          "1": -7114305455978702677n,
        },
        "8a22a0c5-d31d-42a0-80ac-c78b4e26510b 019b76da-a87b-7037-805a-52e676c69883",
      ]
    `);
  });

  it('are others for another client, call or secret, and for another time where there is a secret, near as they may be', () => {
    const firsts = new Set<number>();
    let calls = 0;
    const add = (each: ReturnType<typeof of>) => {
      firsts.add(each.random());
      calls++;
    };
    for (let callId = 1; callId <= 20_000; callId++) add(of(callId));
    for (let micros = 0; micros < 20_000; micros++) add(of(1, { micros, secret: '' }));
    for (let client = 0; client < 256; client++) add(of(1, { client }));
    for (let secret = 0; secret < 20_000; secret++)
      add(of(1, { micros: -1, secret: secret.toString(16).padStart(32, '0') }));
    expect(firsts.size).toBe(calls);
  });

  it('spread evenly, within a call and over the first ones of many calls', () => {
    const { random } = of(1);
    const many = [
      histogram(100, 100_000, () => Math.floor(random() * 100)),
      histogram(256, 100_000, () => random.uint32() & 0xff),
      histogram(256, 100_000, () => random.uint32() >>> 24),
      histogram(6, 100_000, () => random.integerInRange(1, 6) - 1),
      histogram(100, 50_000, (i) => Math.floor(of(i + 1).random() * 100)),
      histogram(256, 50_000, (i) => of(i + 1).random.uint32() & 0xff),
      histogram(256, 50_000, (i) => of(1, { micros: i, secret: '' }).random.uint32() & 0xff),
      // Of two calls in a row: is the second in the same sixteenth as the first?
      histogram(16, 50_000, (i) => ((of(i + 1).random.uint32() >>> 28) - (of(i + 2).random.uint32() >>> 28)) & 15),
    ];
    for (const counts of many) expect(chiSquaredPerBucket(counts)).toBeLessThan(2.5);
  });

  it('lie in the ranges that they are asked for, both ends included', () => {
    const { random } = of(2);
    const range = fc
      .tuple(fc.maxSafeInteger(), fc.maxSafeInteger())
      .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
    fc.assert(
      fc.property(range, ([min, max]) => {
        const drawn = random.integerInRange(min, max);
        expect(Number.isSafeInteger(drawn) && drawn >= min && drawn <= max).toBe(true);
      }),
    );
    const bigs = fc.tuple(fc.bigInt(), fc.bigInt());
    fc.assert(
      fc.property(bigs, ([a, b]) => {
        const [min, max] = a < b ? [a, b] : [b, a];
        const drawn = random.bigintInRange(min, max);
        expect(drawn >= min && drawn <= max).toBe(true);
      }),
    );
    expect(new Set(Array.from({ length: 200 }, () => random.integerInRange(-1, 1)))).toEqual(new Set([-1, 0, 1]));
    expect(random.integerInRange(7, 7)).toBe(7);
    for (let i = 0; i < 1000; i++) expect(random()).toBeLessThan(1);
    const refused = expect.objectContaining({ code: 'args-invalid' });
    expect(() => random.integerInRange(2, 1)).toThrow(refused);
    expect(() => random.integerInRange(0, 0.5)).toThrow(refused);
    expect(() => random.bigintInRange(2n, 1n)).toThrow(refused);
  });

  it('fill arrays in place, those that are part of a buffer too', () => {
    const buffer = new Uint8Array(12);
    const part = buffer.subarray(3, 10);
    expect(of(3).random.fill(part)).toBe(part);
    expect([buffer[2], buffer[10], buffer[11]]).toEqual([0, 0, 0]);
    expect(part.some((byte) => byte !== 0)).toBe(true);
  });
});

describe('uuids of a call', () => {
  it('have their version', () => {
    const { newUuidV4, newUuidV7 } = of(1);
    for (let i = 0; i < 100; i++) {
      expect(newUuidV4().getVersion()).toBe('V4');
      expect(newUuidV7().getVersion()).toBe('V7');
      expect(newUuidV4().toString()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }
  });

  it('of version 7 ascend within a call, and with its time', () => {
    for (let callId = 1; callId < 200; callId++) {
      const { newUuidV7 } = of(callId);
      let last = newUuidV7();
      for (let i = 0; i < 20; i++) {
        const next = newUuidV7();
        expect(next.compareTo(last)).toBe(1);
        last = next;
      }
      expect(
        of(1, { micros: timestampMicros + 1000 })
          .newUuidV7()
          .compareTo(last),
      ).toBe(1);
    }
  });

  it('are different in different calls, also in the same millisecond', () => {
    const seen = new Set<bigint>();
    for (let callId = 1; callId <= 100_000; callId++) {
      const { newUuidV4, newUuidV7 } = of(callId);
      seen.add(newUuidV7().asBigInt());
      if (callId % 10 === 0) seen.add(newUuidV4().asBigInt());
    }
    expect(seen.size).toBe(110_000);
  });
});
