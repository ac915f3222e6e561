import { describe, expect, it } from 'vitest';
import { TimeDuration } from './time-duration.ts';

describe('a time duration', () => {
  it('is made from micros or whole millis', () => {
    expect(new TimeDuration(1_500n).micros).toBe(1_500n);
    expect(TimeDuration.fromMillis(-2).micros).toBe(-2_000n);
  });

  it('gives whole millis, cut off towards zero', () => {
    expect(new TimeDuration(1_999n).millis).toBe(1);
    expect(new TimeDuration(-1_999n).millis).toBe(-1);
  });

  it.each([
    [0n, '+0.000000'],
    [1_500_000n, '+1.500000'],
    [-1n, '-0.000001'],
    [-61_000_001n, '-61.000001'],
  ])('of %s µs is printed as %s', (micros, text) => {
    expect(`${new TimeDuration(micros)}`).toBe(text);
  });

  it('refuses fractions of a millisecond and more than 64 bits', () => {
    expect(() => TimeDuration.fromMillis(1.5)).toThrow('use new TimeDuration(micros)');
    expect(() => TimeDuration.fromMillis(Number.NaN)).toThrow(expect.objectContaining({ code: 'args-invalid' }));
    expect(() => new TimeDuration(1n << 63n)).toThrow('out of range');
    expect(new TimeDuration(-(1n << 63n)).micros).toBe(-(1n << 63n));
  });
});
