/**
 * The edge where values come in from the user's code: a value is checked against its type, once, and becomes our own
 * copy in the one form that everything inside relies on.
 *
 * Canonical values have exactly the declared fields in declared order, share no object with the one given (instances of
 * the value classes excepted, which nobody can change), and hold no -0, no `null` for none, no f32 with more precision
 * than it has, no lone surrogate. So equal values have equal bytes, on every replica.
 */

import type { ColumnType, ProductType } from '../value/column-type.ts';
import type { ProductValue } from './bsatn.ts';
import { canonicalFloat } from './byte-writer.ts';
import { type Canonical, canonicalBytes, interpretCanonical, isText, rewrap } from './canonical-interpreter.ts';
import { generateCanonical } from './canonical-source.ts';
import { canGenerateCode } from './source.ts';

export type { Canonical } from './canonical-interpreter.ts';
export { compileCopy } from './copy.ts';
export { compileEquals } from './equals.ts';
export { compareKeys, compileKey, type Key, valueOfKey } from './key.ts';

/** Throws `module-invalid` for types that can't be encoded. */
export function compileCanonical(type: ProductType, code: 'row-invalid' | 'args-invalid'): Canonical<ProductValue>;
export function compileCanonical(type: ColumnType, code: 'row-invalid' | 'args-invalid'): Canonical;
export function compileCanonical(type: ColumnType, code: 'row-invalid' | 'args-invalid'): Canonical {
  const interpreted = interpretCanonical(type, code);
  if (!canGenerateCode()) return interpreted;
  const compiled = generateCanonical(type, { isText, canonicalBytes, rewrap, canonicalFloat });
  return (value, path) => {
    // The compiled function only says that something is wrong; the interpreter then says what, and where.
    try {
      return compiled(value);
    } catch {
      return interpreted(value, path);
    }
  };
}
