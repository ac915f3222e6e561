import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ProductType } from '../value/column-type.ts';

const row: ProductType = { type: 'product', fields: [{ name: 'id', type: { type: 'u32' } }] };

describe('where a content security policy forbids generated code', () => {
  beforeEach(() => {
    vi.resetModules();
    vi.stubGlobal('Function', () => {
      throw new EvalError('unsafe-eval');
    });
  });

  afterEach(() => {
    vi.unstubAllGlobals();
    vi.resetModules();
  });

  it('[VAL-10] everything works by interpretation', async () => {
    const { canGenerateCode } = await import('./source.ts');
    expect(canGenerateCode()).toBe(false);
    const { compileCodec } = await import('./bsatn.ts');
    const { ByteReader, ByteWriter } = await import('./bytes.ts');
    const { compileCanonical, compileCopy, compileEquals } = await import('./canonical.ts');
    const value = compileCanonical(row, 'row-invalid')({ id: 5 }, '');
    const writer = new ByteWriter();
    compileCodec(row).encode(writer, value);
    expect(compileCodec(row).decode(new ByteReader(writer.view()))).toEqual({ id: 5 });
    expect(compileEquals(row)(compileCopy(row)(value), { id: 5 })).toBe(true);
    expect(() => compileCanonical(row, 'row-invalid')({ id: -1 }, 'p')).toThrow('p.id: expected u32');
  });
});

it('code is generated where it may be', async () => {
  const { canGenerateCode } = await import('./source.ts');
  expect(canGenerateCode()).toBe(true);
});
