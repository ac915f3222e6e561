/**
 * How a page reads rows: it interprets their type until there have been many, and reads the rest with generated code,
 * which is loaded then. Most pages never have as many.
 *
 * Law: rows are the same either way. Where the code can't be loaded, or a content security policy forbids code from text,
 * it goes on interpreting.
 */

import { decodeValue } from '../../core/codec/bsatn-interpreter.ts';
import type { ByteReader } from '../../core/codec/bytes.ts';
import type { ProductType } from '../../core/value/column-type.ts';

export type Decode = (reader: ByteReader) => unknown;

/** Interpreting so many takes a few milliseconds. */
const interpretedRowsMax = 1_000;

export function pageDecode(type: ProductType): Decode {
  let decode: Decode = (reader) => decodeValue(type, reader);
  let rows = 0;
  return (reader) => {
    if (++rows === interpretedRowsMax)
      generatedDecode(type).then(
        (generated) => {
          decode = generated;
        },
        () => {},
      );
    return decode(reader);
  };
}

async function generatedDecode(type: ProductType): Promise<Decode> {
  const { compileCodec } = await import('../../core/codec/bsatn.ts');
  return compileCodec(type).decode;
}
