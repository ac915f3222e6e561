import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '../limits.ts';
import { arbitraryBytes } from './arbitrary.testing.ts';
import { ByteReader, ByteWriter } from './bytes.ts';

const frameInvalid = expect.objectContaining({ code: 'frame-invalid' });

function written(write: (writer: ByteWriter) => void): string {
  const writer = new ByteWriter();
  write(writer);
  return hexOf(writer.view());
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function reader(hex: string): ByteReader {
  return new ByteReader(Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16)));
}

describe('a writer', () => {
  it.each([
    ['u8', 0xfe, 'fe'],
    ['i8', -2, 'fe'],
    ['u16', 0xfedc, 'dcfe'],
    ['i16', -2, 'feff'],
    ['u32', 0xfedcba98, '98badcfe'],
    ['i32', -2, 'feffffff'],
    ['f32', 1.5, '0000c03f'],
    ['f64', -1.5, '000000000000f8bf'],
  ] as const)('writes %s %s as %s, and it is read back', (name, value, hex) => {
    expect(written((writer) => writer[name](value))).toBe(hex);
    expect(reader(hex)[name]()).toBe(value);
  });

  it.each([
    ['u64', 2n ** 64n - 2n, `fe${'ff'.repeat(7)}`],
    ['i64', -2n, `fe${'ff'.repeat(7)}`],
    ['u128', 2n ** 128n - 2n, `fe${'ff'.repeat(15)}`],
    ['i128', -2n, `fe${'ff'.repeat(15)}`],
    ['u256', 2n ** 248n + 1n, `01${'00'.repeat(30)}01`],
    ['i256', -(2n ** 255n), `${'00'.repeat(31)}80`],
    ['i256', 2n ** 255n - 1n, `${'ff'.repeat(31)}7f`],
  ] as const)('writes %s %s as %s, and it is read back', (name, value, hex) => {
    expect(written((writer) => writer[name](value))).toBe(hex);
    expect(reader(hex)[name]()).toBe(value);
  });

  it('[VAL-3] writes one NaN and one zero, whatever bits it is given', () => {
    const bits = new DataView(new ArrayBuffer(8));
    bits.setBigUint64(0, 0x7ff8_dead_beef_0001n);
    expect(written((writer) => writer.f64(bits.getFloat64(0)))).toBe('000000000000f87f');
    expect(written((writer) => writer.f32(Number.NaN))).toBe('0000c07f');
    expect(written((writer) => writer.f64(-0))).toBe('00'.repeat(8));
  });

  it('grows as needed, and keeps what it has', () => {
    const writer = new ByteWriter();
    for (let i = 0; i < 10_000; i++) writer.u32(i);
    const bytes = new ByteReader(writer.take());
    for (let i = 0; i < 10_000; i++) expect(bytes.u32()).toBe(i);
    bytes.expectEnd();
  });

  it('begins anew on reset, and gives a large buffer back', () => {
    const writer = new ByteWriter();
    writer.raw(new Uint8Array(5_000_000));
    writer.reset();
    expect(writer.view()).toHaveLength(0);
    expect(writer.bytes.length).toBeLessThan(5_000_000);
    writer.u8(7);
    expect(hexOf(writer.view())).toBe('07');
  });

  it('takes a copy, and shows a view', () => {
    const writer = new ByteWriter();
    writer.u8(1);
    const [copy, view] = [writer.take(), writer.view()];
    writer.reset();
    writer.u8(2);
    expect([copy[0], view[0]]).toEqual([1, 2]);
  });

  it('overwrites a count that was not known before', () => {
    const writer = new ByteWriter();
    writer.u8(9);
    const at = writer.offset;
    writer.u32(0);
    writer.u8(9);
    writer.patchU32(at, 0x01020304);
    expect(hexOf(writer.view())).toBe('090403020109');
    expect(() => writer.patchU32(3, 0)).toThrow('broken invariant');
  });
});

describe('a varint', () => {
  it.each([
    [0, '00'],
    [127, '7f'],
    [128, '8001'],
    [300, 'ac02'],
    [2 ** 31, '8080808008'],
    [Number.MAX_SAFE_INTEGER, 'ffffffffffffff0f'],
  ])('of %s is %s', (value, hex) => {
    expect(written((writer) => writer.varint(value))).toBe(hex);
    expect(reader(hex).varint()).toBe(value);
  });

  it('of any safe integer is read back', () => {
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeNat(), fc.nat(), fc.nat(300)), (value) => {
        expect(reader(written((writer) => writer.varint(value))).varint()).toBe(value);
      }),
    );
  });

  it.each([
    ['beyond 2^53 - 1', 'ffffffffffffff10'],
    ['without end', 'ff'.repeat(20)],
    ['of zeros without end', '80'.repeat(20)],
    ['longer than needed', '8000'],
    ['cut short', '80'],
  ])('%s is refused', (_, hex) => {
    expect(() => reader(hex).varint()).toThrow(frameInvalid);
  });

  it('is never written for a number that has none', () => {
    for (const value of [-1, 0.5, 2 ** 53, Number.NaN]) {
      expect(() => new ByteWriter().varint(value)).toThrow('broken invariant');
    }
  });
});

describe('a string', () => {
  it.each([
    ['', '00000000'],
    ['abc', '03000000616263'],
    ['h\u00e9', '0300000068c3a9'],
    ['\0\u{1d11e}', '0500000000f09d849e'],
    ['\ufeffa', '04000000efbbbf61'],
  ])('%j is %s', (text, hex) => {
    expect(written((writer) => writer.string(text))).toBe(hex);
    expect(reader(hex).string()).toBe(text);
  });

  it.each([31, 32, 33, 40, 41, 1000, 70_000])('of %i characters is read back, ASCII or not', (length) => {
    for (const text of ['a'.repeat(length), `${'a'.repeat(length - 1)}\u00e9`, '\u{1d11e}'.repeat(length)]) {
      const bytes = reader(written((writer) => writer.string(text)));
      expect(bytes.string() === text).toBe(true);
      bytes.expectEnd();
    }
  });

  it.each([3, 50, 70_000])(
    '[VAL-4] with a lone surrogate after %i characters is refused, and nothing is written',
    (length) => {
      for (const surrogate of ['\ud800', '\udfff']) {
        const writer = new ByteWriter();
        writer.u8(1);
        expect(() => writer.string('a'.repeat(length) + surrogate)).toThrow(
          expect.objectContaining({ code: 'row-invalid' }),
        );
        expect(writer.offset).toBe(1);
      }
    },
  );

  it.each([
    ['a byte that is no UTF-8', '02000000c3ff'],
    ['a surrogate in UTF-8', '03000000eda080'],
    ['an overlong form', '02000000c080'],
    ['a sequence cut short', `28000000${'61'.repeat(39)}c3`],
  ])('of %s is refused', (_, hex) => {
    expect(() => reader(hex).string()).toThrow(frameInvalid);
  });
});

describe('a reader', () => {
  it('[VAL-9] names the offset at which the input is wrong', () => {
    const bytes = reader('0102');
    bytes.u8();
    expect(() => bytes.u32()).toThrow('at byte 1 of 2: 4 bytes expected, 1 left');
  });

  it('refuses input that is left over', () => {
    const bytes = reader('0102');
    expect(() => bytes.expectEnd()).toThrow('2 bytes too many');
    bytes.u16();
    bytes.expectEnd();
  });

  it('sees nothing but its input in a buffer that holds more', () => {
    const buffer = Uint8Array.of(9, 9, 1, 2, 9, 9, 9, 9);
    const bytes = new ByteReader(buffer.subarray(2, 4));
    expect(bytes.u16()).toBe(0x0201);
    expect(() => bytes.u8()).toThrow('at byte 2 of 2');
    bytes.reset(buffer.subarray(3, 5));
    expect(bytes.u8()).toBe(2);
    expect([bytes.position, bytes.remaining]).toEqual([1, 1]);
    bytes.reset(Uint8Array.of(5));
    expect(bytes.u8()).toBe(5);
    bytes.expectEnd();
  });

  it('[VAL-9] refuses counts and lengths that its input cannot hold, and those beyond the limit', () => {
    expect(() => reader('ffffffff').elements(0)).toThrow(`the limit is ${limits.valueElementsMax}`);
    expect(() => reader('0300000000').elements(1)).toThrow('3 elements announced, 1 bytes left');
    expect(() => reader('030000000000').elements(4)).toThrow(frameInvalid);
    expect(() => reader('0000000100').byteArray()).toThrow(frameInvalid);
    expect(() => reader('00').raw(2)).toThrow(frameInvalid);
  });

  it('copies bytes, or shows them', () => {
    const input = Uint8Array.of(1, 0, 0, 0, 7, 8);
    const bytes = new ByteReader(input);
    const [copy, view] = [bytes.byteArray(), bytes.rawView(1)];
    input.fill(0);
    expect([copy[0], view[0]]).toEqual([7, 0]);
  });

  it('takes 0 and 1 for a bool, and nothing else', () => {
    expect([reader('00').bool(), reader('01').bool()]).toEqual([false, true]);
    expect(() => reader('02').bool()).toThrow('at byte 0 of 1: bool is 0 or 1, got 2');
  });

  it('[VAL-9] throws nothing but refusals, whatever the bytes and whatever is read', () => {
    const reads = fc.constantFrom(
      'u8',
      'u16',
      'u32',
      'u64',
      'u128',
      'u256',
      'i8',
      'i128',
      'f64',
      'bool',
      'varint',
      'string',
      'byteArray',
    );
    fc.assert(
      fc.property(arbitraryBytes(), fc.array(fc.tuple(reads)), (input, steps) => {
        const bytes = new ByteReader(input);
        for (const [read] of steps) {
          const before = bytes.position;
          try {
            bytes[read as 'u8']();
          } catch (error) {
            expect(error).toEqual(frameInvalid);
            return;
          }
          expect(bytes.position).toBeGreaterThan(before);
          expect(bytes.remaining).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });
});
