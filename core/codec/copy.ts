/**
 * Copies of canonical values: what is handed out to user code may be changed by it without anyone noticing, what is kept
 * inside may not. Strings, numbers and instances of the value classes can't be changed, and are shared.
 */

import type { ColumnType } from '../value/column-type.ts';
import type { ProductValue } from './bsatn.ts';
import { scheduleAtType } from './opaque.ts';
import {
  canGenerateCode,
  emptyProgram,
  evaluate,
  functionFor,
  member,
  objectLiteral,
  type Program,
  quoted,
} from './source.ts';

/** A copy has the type of what is copied. */
export type Copy = <Value>(value: Value) => Value;

/** For types whose values can't be changed, the result returns its argument. */
export function compileCopy(type: ColumnType): Copy {
  if (!canGenerateCode()) return interpretCopy(type);
  if (isImmutable(type)) return (value) => value;
  const program = emptyProgram({});
  return evaluate(program, copier(program, type));
}

/** The same without generated code, and slower. */
export function interpretCopy(type: ColumnType): Copy {
  // A copy of a value of `type` is again one, whatever its type in TypeScript is.
  return <Value>(value: Value) => copyValue(type, value) as Value;
}

function isImmutable(type: ColumnType): boolean {
  switch (type.type) {
    case 'option':
      return isImmutable(type.value);
    case 'array':
    case 'result':
    case 'product':
    case 'sum':
    case 'bytes':
    case 'unit':
    case 'scheduleAt':
      return false;
    default:
      return true;
  }
}

/** Name of the function that copies a value which isn't immutable. */
function copier(program: Program, type: ColumnType): string {
  return functionFor(program, type, (name) => `function ${name}(x) {\n${copyBody(program, type)}}`);
}

function copyExpression(program: Program, type: ColumnType, x: string): string {
  return isImmutable(type) ? x : `${copier(program, type)}(${x})`;
}

function copyBody(program: Program, type: ColumnType): string {
  const copy = (part: ColumnType, x: string) => copyExpression(program, part, x);
  switch (type.type) {
    case 'array':
      if (isImmutable(type.element)) return 'return x.slice();\n';
      return `const a = new Array(x.length);\nfor (let i = 0; i < x.length; i++) a[i] = ${copy(type.element, 'x[i]')};\nreturn a;\n`;
    case 'option':
      return `return x === undefined ? undefined : ${copy(type.value, 'x')};\n`;
    case 'result':
      return `return "ok" in x ? { ok: ${copy(type.ok, 'x.ok')} } : { err: ${copy(type.err, 'x.err')} };\n`;
    case 'product':
      return `return ${objectLiteral(type.fields.map(({ name, type }) => [name, copy(type, member('x', name))]))};\n`;
    case 'sum': {
      const cases = type.variants.map((variant) => {
        const tag = quoted(variant.name);
        if (variant.type.type === 'unit') return `case ${tag}: return { tag: ${tag} };\n`;
        return `case ${tag}: return { tag: ${tag}, value: ${copy(variant.type, 'x.value')} };\n`;
      });
      return `switch (x.tag) {\n${cases.join('')}}\n`;
    }
    case 'scheduleAt':
      return copyBody(program, scheduleAtType);
    case 'bytes':
      return 'return x.slice();\n';
    case 'unit':
      return 'return {};\n';
    default:
      return 'return x;\n';
  }
}

/** The casts rest on the law above: `value` is a canonical value of `type`. */
function copyValue(type: ColumnType, value: unknown): unknown {
  switch (type.type) {
    case 'array':
      return (value as readonly unknown[]).map((element) => copyValue(type.element, element));
    case 'option':
      return value === undefined ? undefined : copyValue(type.value, value);
    case 'result': {
      const result = value as { ok: unknown } | { err: unknown };
      return 'ok' in result ? { ok: copyValue(type.ok, result.ok) } : { err: copyValue(type.err, result.err) };
    }
    case 'product': {
      const product = value as ProductValue;
      return Object.fromEntries(type.fields.map((field) => [field.name, copyValue(field.type, product[field.name])]));
    }
    case 'sum': {
      const { tag, value: payload } = value as { tag: string; value?: unknown };
      const variant = type.variants.find(({ name }) => name === tag);
      return variant === undefined || variant.type.type === 'unit'
        ? { tag }
        : { tag, value: copyValue(variant.type, payload) };
    }
    case 'scheduleAt':
      return copyValue(scheduleAtType, value);
    case 'bytes':
      return (value as Uint8Array).slice();
    case 'unit':
      return {};
    default:
      return value;
  }
}
