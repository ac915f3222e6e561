import { expect, it, vi } from 'vitest';
import { compileCodec } from '../../core/codec/bsatn.ts';
import { ByteReader, ByteWriter } from '../../core/codec/bytes.ts';
import type { ProductType } from '../../core/value/column-type.ts';
import { pageDecode } from './page-decode.ts';

it('[CLI-14] a page reads the same rows before and after it reads them with generated code', async () => {
  const type: ProductType = {
    type: 'product',
    fields: [
      { name: 'id', type: { type: 'u32' } },
      { name: 'name', type: { type: 'option', value: { type: 'string' } } },
    ],
  };
  const row = { id: 7, name: 'Ada' };
  const writer = new ByteWriter();
  compileCodec(type).encode(writer, row);
  const bytes = writer.take();
  const made = vi.spyOn(globalThis, 'Function');
  const decode = pageDecode(type);
  const read = (): unknown => decode(new ByteReader(bytes));

  for (let i = 0; i < 999; i++) expect(read()).toEqual(row);
  await new Promise((resolve) => setImmediate(resolve));
  expect(made).not.toHaveBeenCalled();
  read();
  await vi.waitFor(() => expect(made).toHaveBeenCalled(), 10_000);
  for (let i = 0; i < 10; i++) expect(read()).toEqual(row);
});
