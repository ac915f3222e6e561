/**
 * The codec of a page: it interprets until there are many rows to read, and reads the rest with generated code, which
 * is loaded then. Most pages never have as many.
 *
 * Law: rows are the same either way. Where the code can't be loaded or must not be made, it goes on interpreting.
 */

import type { Codec } from '../../core/codec/bsatn.ts';
import { interpretCodec } from '../../core/codec/bsatn-interpreter.ts';
import type { ProductType } from '../../core/value/column-type.ts';

/** Reading so many by interpretation takes a few milliseconds. */
const interpretedRowsMax = 1_000;

/** Throws `module-invalid` for types that can't be encoded. */
export function pageCodec(type: ProductType): Codec {
  const interpreted = interpretCodec(type);
  let decode: Codec['decode'] = interpreted.decode;
  let rows = 0;
  return {
    ...interpreted,
    decode: (reader) => {
      if (++rows === interpretedRowsMax)
        generatedDecode(type).then(
          (generated) => {
            decode = generated;
          },
          () => {},
        );
      return decode(reader);
    },
  };
}

async function generatedDecode(type: ProductType): Promise<Codec['decode']> {
  const { compileCodec } = await import('../../core/codec/bsatn.ts');
  return compileCodec(type).decode;
}
