import { describe, expect, it } from 'vitest';
import { ConnectionId } from './connection-id.ts';

const hex = '000102030405060708090a0b0c0d0eff';

describe('a connection id', () => {
  it('is read from and printed as 32 hex digits, most significant first', () => {
    const id = ConnectionId.fromString(hex);
    expect(id.__connection_id__).toBe(BigInt(`0x${hex}`));
    expect(id.toHexString()).toBe(hex);
    expect(`${ConnectionId.fromString(`0x${hex}`)}`).toBe(hex);
  });

  it('has the reverse of its text as bytes', () => {
    const bytes = ConnectionId.fromString(hex).toUint8Array();
    expect(bytes).toHaveLength(16);
    expect([bytes[0], bytes[1], bytes[15]]).toEqual([0xff, 0x0e, 0]);
  });

  it('is null instead of zero where that is asked for', () => {
    expect(new ConnectionId(0n).isZero()).toBe(true);
    expect(ConnectionId.nullIfZero(new ConnectionId(0n))).toBeNull();
    expect(ConnectionId.fromStringOrNull('0'.repeat(32))).toBeNull();
    expect(ConnectionId.fromStringOrNull(hex)?.toHexString()).toBe(hex);
  });

  it('equals another of the same number', () => {
    expect(new ConnectionId(5n).isEqual(new ConnectionId(5n))).toBe(true);
    expect(new ConnectionId(5n).equals(new ConnectionId(6n))).toBe(false);
  });

  it('refuses what is no such number', () => {
    expect(() => ConnectionId.fromString(hex.slice(1))).toThrow('ConnectionId: expected 32 hex digits');
    expect(() => new ConnectionId(1n << 128n)).toThrow(expect.objectContaining({ code: 'args-invalid' }));
    expect(() => new ConnectionId(-1n)).toThrow('out of range');
  });
});
