import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ForerunError } from '../errors.ts';
import type { ColumnType } from '../value/column-type.ts';
import { arbitraryBytes, arbitraryType, arbitraryValue } from './arbitrary.testing.ts';
import { compileCodec, interpretCodec } from './bsatn.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import { compileCanonical, interpretCanonical } from './canonical.ts';
import { compileCopy, interpretCopy } from './copy.ts';
import { bytesEqual, compileEquals, interpretEquals } from './equals.ts';
import { rendered } from './rendered.testing.ts';

const typeAndValue = arbitraryType().chain((type) =>
  fc.record({ type: fc.constant(type), value: arbitraryValue(type) }),
);
const typeAndValues = arbitraryType().chain((type) =>
  fc.record({ type: fc.constant(type), a: arbitraryValue(type), b: arbitraryValue(type) }),
);
const typeAndBytes = fc.record({ type: arbitraryType(), bytes: arbitraryBytes() });

function canonicalOf(type: ColumnType, value: unknown): unknown {
  return compileCanonical(type, 'row-invalid')(value, '');
}

function bytesOf(type: ColumnType, value: unknown): Uint8Array {
  const writer = new ByteWriter();
  compileCodec(type).encode(writer, canonicalOf(type, value));
  return writer.take();
}

function valueOrError(decode: () => unknown): { value: unknown } | { code: string } {
  try {
    return { value: decode() };
  } catch (error) {
    if (error instanceof ForerunError) return { code: error.code };
    throw error;
  }
}

describe('any value of any type', () => {
  it('[VAL-1] is decoded from its bytes as its canonical form, with no byte left over', () => {
    fc.assert(
      fc.property(typeAndValue, ({ type, value }) => {
        const reader = new ByteReader(bytesOf(type, value));
        expect(rendered(compileCodec(type).decode(reader))).toBe(rendered(canonicalOf(type, value)));
        reader.expectEnd();
      }),
    );
  });

  it('[VAL-10] has the same bytes, values and canonical form with and without generated code', () => {
    fc.assert(
      fc.property(typeAndValue, ({ type, value }) => {
        const canonical = canonicalOf(type, value);
        expect(rendered(interpretCanonical(type, 'row-invalid')(value, ''))).toBe(rendered(canonical));
        const bytes = bytesOf(type, value);
        const writer = new ByteWriter();
        interpretCodec(type).encode(writer, canonical);
        expect(rendered(writer.take())).toBe(rendered(bytes));
        expect(rendered(interpretCodec(type).decode(new ByteReader(bytes)))).toBe(rendered(canonical));
        expect(rendered(interpretCopy(type)(canonical))).toBe(rendered(compileCopy(type)(canonical)));
      }),
    );
  });

  it('is in canonical form once made canonical', () => {
    fc.assert(
      fc.property(typeAndValue, ({ type, value }) => {
        const canonical = canonicalOf(type, value);
        expect(rendered(canonicalOf(type, canonical))).toBe(rendered(canonical));
      }),
    );
  });

  it('takes as many bytes as its layout says', () => {
    fc.assert(
      fc.property(typeAndValue, ({ type, value }) => {
        const { bytesMin, fixed } = compileCodec(type);
        const { length } = bytesOf(type, value);
        expect(length).toBeGreaterThanOrEqual(bytesMin);
        if (fixed) expect(length).toBe(bytesMin);
      }),
    );
  });

  it('[VAL-9] is refused when its bytes are cut short', () => {
    fc.assert(
      fc.property(typeAndValue, fc.nat(), ({ type, value }, cut) => {
        const bytes = bytesOf(type, value);
        fc.pre(bytes.length > 0);
        const short = new ByteReader(bytes.subarray(0, cut % bytes.length));
        expect(valueOrError(() => compileCodec(type).decode(short))).toEqual({ code: 'frame-invalid' });
      }),
    );
  });

  it('[VAL-6] equals another exactly when their bytes are the same', () => {
    fc.assert(
      fc.property(typeAndValues, ({ type, a, b }) => {
        const same = bytesEqual(bytesOf(type, a), bytesOf(type, b));
        const [first, second] = [canonicalOf(type, a), canonicalOf(type, b)];
        expect(compileEquals(type)(first, second)).toBe(same);
        expect(interpretEquals(type)(first, second)).toBe(same);
        expect(compileEquals(type)(first, compileCopy(type)(first))).toBe(true);
        expect(interpretEquals(type)(first, compileCopy(type)(first))).toBe(true);
      }),
    );
  });
});

describe('any bytes', () => {
  it('[VAL-9] decode to a canonical value or are refused as invalid, alike with and without generated code', () => {
    fc.assert(
      fc.property(typeAndBytes, ({ type, bytes }) => {
        const compiled = valueOrError(() => compileCodec(type).decode(new ByteReader(bytes)));
        const interpreted = valueOrError(() => interpretCodec(type).decode(new ByteReader(bytes)));
        expect(rendered(interpreted)).toBe(rendered(compiled));
        if ('code' in compiled) expect(compiled.code).toBe('frame-invalid');
        else expect(rendered(canonicalOf(type, compiled.value))).toBe(rendered(compiled.value));
      }),
      { numRuns: 300 },
    );
  });
});

describe('any value of another type', () => {
  it('[VAL-10] is accepted by both checks with the same result, or refused by both with the same message', () => {
    const outcome = (check: () => unknown) => {
      try {
        return { value: check() };
      } catch (error) {
        expect(error).toBeInstanceOf(ForerunError);
        return { message: String(error) };
      }
    };
    const anything = fc.oneof(
      arbitraryType().chain(arbitraryValue),
      fc.anything({ withBigInt: true, withDate: true, withTypedArray: true }),
    );
    fc.assert(
      fc.property(arbitraryType({ compositesMax: 2 }), anything, (type, value) => {
        const compiled = outcome(() => compileCanonical(type, 'args-invalid')(value, 'args'));
        const interpreted = outcome(() => interpretCanonical(type, 'args-invalid')(value, 'args'));
        expect(rendered(interpreted)).toBe(rendered(compiled));
      }),
      { numRuns: 300 },
    );
  });
});
