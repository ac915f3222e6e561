import { describe, expect, it } from 'vitest';
import { Timestamp } from './timestamp.ts';

const at = (micros: bigint) => new Timestamp(micros);

describe('a timestamp', () => {
  it('holds microseconds since the Unix epoch', () => {
    expect(at(5n).microsSinceUnixEpoch).toBe(5n);
    expect(Timestamp.UNIX_EPOCH.microsSinceUnixEpoch).toBe(0n);
  });

  it('goes to a Date and back, to the millisecond', () => {
    const date = new Date('2026-02-17T10:30:45.123Z');
    expect(Timestamp.fromDate(date).toDate()).toEqual(date);
    expect(at(1_999n).toDate().getTime()).toBe(1);
    expect(at(-1_999n).toMillis()).toBe(-1n);
  });

  it.each([
    [0n, '1970-01-01T00:00:00.000000Z'],
    [1_771_324_245_123_456n, '2026-02-17T10:30:45.123456Z'],
    [-1n, '1969-12-31T23:59:59.999999Z'],
    [-1_000_000n, '1969-12-31T23:59:59.000000Z'],
    [253_402_300_800_000_000n, '+010000-01-01T00:00:00.000000Z'],
  ])('of %s µs is %s in ISO form', (micros, text) => {
    expect(at(micros).toISOString()).toBe(text);
  });

  it('tells the time since another', () => {
    expect(at(10n).since(at(12n)).micros).toBe(-2n);
  });

  it('refuses invalid dates, more than 64 bits, and a Date where there is none', () => {
    const invalid = expect.objectContaining({ code: 'args-invalid' });
    expect(() => Timestamp.fromDate(new Date(Number.NaN))).toThrow(invalid);
    expect(() => at(1n << 63n)).toThrow(invalid);
    const last = at((1n << 63n) - 1n);
    expect(() => last.toDate()).toThrow(invalid);
    expect(() => last.toISOString()).toThrow('beyond what a Date can express');
  });

  it('has no way to the clock', () => {
    expect('now' in Timestamp).toBe(false);
  });
});
