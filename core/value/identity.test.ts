import { describe, expect, it } from 'vitest';
import { Identity } from './identity.ts';

const hex = 'c2000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1dfe';

describe('an identity', () => {
  it('is read from and printed as 64 hex digits, most significant first', () => {
    const identity = Identity.fromString(hex);
    expect(identity.__identity__).toBe(BigInt(`0x${hex}`));
    expect(identity.toHexString()).toBe(hex);
    expect(`${identity}`).toBe(hex);
    expect(new Identity(0x1fn).toHexString()).toBe('1f'.padStart(64, '0'));
  });

  it('is read with a leading 0x and in capitals too', () => {
    expect(new Identity(`0x${hex}`).isEqual(new Identity(hex.toUpperCase()))).toBe(true);
  });

  it('has the reverse of its text as bytes', () => {
    const bytes = Identity.fromString(hex).toUint8Array();
    expect(bytes).toHaveLength(32);
    expect([bytes[0], bytes[1], bytes[31]]).toEqual([0xfe, 0x1d, 0xc2]);
  });

  it('equals another of the same number, also one that another copy of the class made', () => {
    const identity = new Identity(5n);
    expect(identity.equals(new Identity(5n))).toBe(true);
    expect(identity.isEqual(new Identity(6n))).toBe(false);
    expect(identity).toEqual(new Identity(5n));
    class Identity2 extends Identity {}
    expect(identity.isEqual(new Identity2(5n))).toBe(true);
  });

  it('is not changed for others by being printed', () => {
    const printed = new Identity(5n);
    printed.toHexString();
    expect(printed).toStrictEqual(new Identity(5n));
  });

  it('is zero when nobody has it', () => {
    expect(Identity.zero().__identity__).toBe(0n);
  });

  it('refuses text of another length, other characters, and numbers out of range', () => {
    const message = /^Identity: expected 64 hex digits/;
    for (const text of [
      '',
      '0x',
      hex.slice(1),
      `${hex}0`,
      `g${hex.slice(1)}`,
      `0x${hex.slice(2)}`,
      ` ${hex.slice(1)}`,
    ]) {
      expect(() => Identity.fromString(text)).toThrow(message);
    }
    expect(() => new Identity(-1n)).toThrow(expect.objectContaining({ code: 'args-invalid' }));
    expect(() => new Identity(1n << 256n)).toThrow('out of range');
    expect(new Identity((1n << 256n) - 1n).toHexString()).toBe('f'.repeat(64));
  });

  it('says what to write to callers without types', () => {
    expect(() => new Identity(5 as unknown as bigint)).toThrow('Identity: expected a bigint such as 5n, got number');
  });
});
