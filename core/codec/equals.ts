/**
 * Equality of canonical values: by content all the way down, NaN equal to itself. Two values are equal exactly when
 * their bytes are.
 */

import type { ColumnType } from '../value/column-type.ts';
import type { ProductValue } from './bsatn.ts';
import { isWrapperName, scheduleAtType, unwrap, wrappers } from './opaque.ts';
import { canGenerateCode, emptyProgram, evaluate, functionFor, member, type Program, quoted } from './source.ts';

export function compileEquals(type: ColumnType): (a: unknown, b: unknown) => boolean {
  if (!canGenerateCode()) return interpretEquals(type);
  const program = emptyProgram({ bytesEqual });
  program.functions.push(`function equals(a, b) {\nreturn ${equalExpression(program, type, 'a', 'b')};\n}`);
  return evaluate(program, 'equals');
}

/** The same without generated code, and slower. */
export function interpretEquals(type: ColumnType): (a: unknown, b: unknown) => boolean {
  return (a, b) => valuesEqual(type, a, b);
}

function equalExpression(program: Program, type: ColumnType, a: string, b: string): string {
  if (isWrapperName(type.type)) {
    const { field } = wrappers[type.type];
    return `${a}.${field} === ${b}.${field}`;
  }
  switch (type.type) {
    case 'array':
    case 'option':
    case 'result':
    case 'product':
    case 'sum':
    case 'scheduleAt': {
      const name = functionFor(program, type, (name) => `function ${name}(a, b) {\n${equalBody(program, type)}}`);
      return `${name}(${a}, ${b})`;
    }
    case 'f32':
    case 'f64':
      return `(${a} === ${b} || (${a} !== ${a} && ${b} !== ${b}))`;
    case 'bytes':
      return `bytesEqual(${a}, ${b})`;
    case 'unit':
      return 'true';
    default:
      return `${a} === ${b}`;
  }
}

function equalBody(program: Program, type: ColumnType): string {
  const equal = (part: ColumnType, a: string, b: string) => equalExpression(program, part, a, b);
  switch (type.type) {
    case 'array': {
      const loop = `for (let i = 0; i < a.length; i++) if (!(${equal(type.element, 'a[i]', 'b[i]')})) return false;\n`;
      return `if (a === b) return true;\nif (a.length !== b.length) return false;\n${loop}return true;\n`;
    }
    case 'option':
      return `return a === undefined || b === undefined ? a === b : ${equal(type.value, 'a', 'b')};\n`;
    case 'result': {
      const err = `"err" in a && "err" in b && ${equal(type.err, 'a.err', 'b.err')}`;
      return `return a === b || ("ok" in a && "ok" in b ? ${equal(type.ok, 'a.ok', 'b.ok')} : ${err});\n`;
    }
    case 'product': {
      const fields = type.fields.map((field) => equal(field.type, member('a', field.name), member('b', field.name)));
      return `return a === b || (${['true', ...fields].join(' && ')});\n`;
    }
    case 'sum': {
      const cases = type.variants
        .filter((variant) => variant.type.type !== 'unit')
        .map((variant) => `case ${quoted(variant.name)}: return ${equal(variant.type, 'a.value', 'b.value')};\n`);
      return `if (a === b) return true;\nif (a.tag !== b.tag) return false;\nswitch (a.tag) {\n${cases.join('')}}\nreturn true;\n`;
    }
    case 'scheduleAt':
      return equalBody(program, scheduleAtType);
    default:
      return `return ${equal(type, 'a', 'b')};\n`;
  }
}

/** The casts rest on the law above: both are canonical values of `type`. */
function valuesEqual(type: ColumnType, a: unknown, b: unknown): boolean {
  if (isWrapperName(type.type)) return unwrap(wrappers[type.type], a) === unwrap(wrappers[type.type], b);
  switch (type.type) {
    case 'array': {
      const [these, those] = [a as readonly unknown[], b as readonly unknown[]];
      return these.length === those.length && these.every((element, i) => valuesEqual(type.element, element, those[i]));
    }
    case 'option':
      return a === undefined || b === undefined ? a === b : valuesEqual(type.value, a, b);
    case 'result': {
      const [these, those] = [a as ProductValue, b as ProductValue];
      if ('ok' in these !== 'ok' in those) return false;
      return 'ok' in these ? valuesEqual(type.ok, these.ok, those.ok) : valuesEqual(type.err, these.err, those.err);
    }
    case 'product': {
      const [these, those] = [a as ProductValue, b as ProductValue];
      return type.fields.every((field) => valuesEqual(field.type, these[field.name], those[field.name]));
    }
    case 'sum': {
      const [these, those] = [a as ProductValue, b as ProductValue];
      const variant = type.variants.find(({ name }) => name === these.tag);
      return these.tag === those.tag && (variant === undefined || valuesEqual(variant.type, these.value, those.value));
    }
    case 'scheduleAt':
      return valuesEqual(scheduleAtType, a, b);
    case 'bytes':
      return bytesEqual(a as Uint8Array, b as Uint8Array);
    case 'unit':
      return true;
    default:
      return a === b || (Number.isNaN(a) && Number.isNaN(b));
  }
}

export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}
