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
import { canonicalAt, canonicalBytes, isText, rewrap } from './canonical-interpreter.ts';
import { generateCanonical } from './canonical-source.ts';
import { layoutOf } from './layout.ts';
import { canGenerateCode } from './source.ts';

export { compileCopy } from './copy.ts';
export { compileEquals } from './equals.ts';
export { compareKeys, compileKey, type Key, valueOfKey } from './key.ts';

/**
 * Checks `value` and returns its canonical copy. `path` names it in messages: `player` gives `player.pos.x: expected
 * f64, got string "a"`. Throws a ForerunError with the code that it was compiled for.
 */
export type Canonical<Value = unknown> = (value: unknown, path: string) => Value;

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

/** As `compileCanonical`, without generated code, and slower. */
export function interpretCanonical(type: ProductType, code: 'row-invalid' | 'args-invalid'): Canonical<ProductValue>;
export function interpretCanonical(type: ColumnType, code: 'row-invalid' | 'args-invalid'): Canonical;
export function interpretCanonical(type: ColumnType, code: 'row-invalid' | 'args-invalid'): Canonical {
  layoutOf(type);
  return (value, path) => canonicalAt(type, value, { path, code });
}
