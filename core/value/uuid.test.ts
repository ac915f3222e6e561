import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Timestamp } from './timestamp.ts';
import { Uuid } from './uuid.ts';

const invalid = expect.objectContaining({ code: 'args-invalid' });
const noRandomness = new Uint8Array(4);

describe('a uuid', () => {
  it('is read with or without hyphens and printed with them', () => {
    const text = '01888d6e-5c00-7000-8000-0000000000ff';
    expect(Uuid.parse(text).toString()).toBe(text);
    expect(Uuid.parse(text.replaceAll('-', '').toUpperCase()).toString()).toBe(text);
    expect(Uuid.parse(text).toHexString()).toBe('01888d6e5c0070008000' + '0000000000ff');
    expect(Uuid.parse(text).asBigInt()).toBe(0x01888d6e5c00700080000000000000ffn);
  });

  it('has bytes in the order of its text', () => {
    expect([...Uuid.parse('00010203-0405-4607-8809-0a0b0c0d0e0f').toBytes()]).toEqual([
      0, 1, 2, 3, 4, 5, 0x46, 7, 0x88, 9, 10, 11, 12, 13, 14, 15,
    ]);
  });

  it('knows its version', () => {
    expect(Uuid.NIL.toString()).toBe('00000000-0000-0000-0000-000000000000');
    expect(Uuid.MAX.toString()).toBe('ffffffff-ffff-ffff-ffff-ffffffffffff');
    expect(Uuid.parse(Uuid.NIL.toString()).getVersion()).toBe('Nil');
    expect(new Uuid(Uuid.MAX_UUID_BIGINT).getVersion()).toBe('Max');
    expect(Uuid.parse('00000000-0000-4000-8000-000000000000').getVersion()).toBe('V4');
    expect(Uuid.parse('00000000-0000-7000-8000-000000000000').getVersion()).toBe('V7');
    expect(() => Uuid.parse('00000000-0000-1000-8000-000000000000').getVersion()).toThrow('version 1');
  });

  it('orders by its text', () => {
    const [a, b] = [
      Uuid.parse('00000000-0000-4000-8000-000000000000'),
      Uuid.parse('f0000000-0000-4000-8000-000000000000'),
    ];
    expect(a.compareTo(b)).toBe(-1);
    expect(b.compareTo(a)).toBe(1);
    expect(a.compareTo(new Uuid(a.asBigInt()))).toBe(0);
  });

  it('refuses other text and numbers out of range', () => {
    for (const text of [
      '',
      'x',
      '0-'.repeat(32),
      '00000000-0000-4000-8000-00000000000',
      '0000000-00000-4000-8000-000000000000',
    ]) {
      expect(() => Uuid.parse(text)).toThrow(invalid);
    }
    expect(() => new Uuid(-1n)).toThrow(invalid);
    expect(() => new Uuid(1n << 128n)).toThrow(invalid);
  });
});

describe('version 4', () => {
  it('is the random bytes with version and variant put in', () => {
    expect(Uuid.fromRandomBytesV4(new Uint8Array(16)).toString()).toBe('00000000-0000-4000-8000-000000000000');
    expect(Uuid.fromRandomBytesV4(new Uint8Array(16).fill(255)).toString()).toBe(
      'ffffffff-ffff-4fff-bfff-ffffffffffff',
    );
    expect(() => Uuid.fromRandomBytesV4(new Uint8Array(15))).toThrow('expected 16 bytes, got 15');
  });
});

describe('version 7', () => {
  it('is laid out as time, counter and randomness', () => {
    const now = new Timestamp(0x0188_8d6e_5c00n * 1000n + 999n);
    const text = (count: number) =>
      Uuid.fromCounterV7({ value: count }, now, Uint8Array.of(0xff, 0x0b, 0x0c, 0x0d)).toString();
    expect(text(1)).toBe('01888d6e-5c00-7000-8000-00027f0b0c0d');
    expect(text(0x7fff_ffff)).toBe('01888d6e-5c00-70ff-80ff-fffe7f0b0c0d');
  });

  it('gives back its counter, and moves the counter on to the next', () => {
    fc.assert(
      fc.property(fc.oneof(fc.nat(0x7fff_ffff), fc.constantFrom(0, 0x7f_ffff, 0x80_0000, 0x7fff_ffff)), (count) => {
        const counter = { value: count };
        const uuid = Uuid.fromCounterV7(counter, Timestamp.UNIX_EPOCH, noRandomness);
        expect(uuid.getVersion()).toBe('V7');
        expect(uuid.getCounter()).toBe(count);
        expect(counter.value).toBe(count === 0x7fff_ffff ? 0 : count + 1);
      }),
    );
  });

  it('sorts by time, then by counter', () => {
    const moment = fc.tuple(fc.nat(2 ** 31 - 1), fc.nat(0x7fff_ffff), fc.uint8Array({ minLength: 4, maxLength: 4 }));
    fc.assert(
      fc.property(moment, moment, ([t1, c1, r1], [t2, c2, r2]) => {
        const make = (t: number, c: number, r: Uint8Array) =>
          Uuid.fromCounterV7({ value: c }, new Timestamp(BigInt(t) * 1000n), r);
        const order = Math.sign(t1 - t2) || Math.sign(c1 - c2);
        if (order !== 0) expect(make(t1, c1, r1).compareTo(make(t2, c2, r2))).toBe(order);
      }),
    );
  });

  it('refuses times before the epoch and counters out of range, and then leaves the counter alone', () => {
    const counter = { value: 3 };
    expect(() => Uuid.fromCounterV7(counter, new Timestamp(-1n), noRandomness)).toThrow(invalid);
    expect(() => Uuid.fromCounterV7(counter, Timestamp.UNIX_EPOCH, new Uint8Array(5))).toThrow(invalid);
    expect(counter.value).toBe(3);
    for (const value of [-1, 0.5, 2 ** 31]) {
      expect(() => Uuid.fromCounterV7({ value }, Timestamp.UNIX_EPOCH, noRandomness)).toThrow(invalid);
    }
  });
});
