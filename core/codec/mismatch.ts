/** What a value is told that doesn't fit its type: where, what was expected, what it got, and what to write instead. */

import type { ColumnType } from '../value/column-type.ts';
import { isWrapperName, wrappers } from './opaque.ts';

const shownLengthMax = 40;

/** Thrown where a value doesn't fit; collects the way to that place while it passes through the composites around it. */
export class Mismatch {
  readonly problem: string;
  #path = '';

  constructor(problem: string) {
    this.problem = problem;
  }

  /** `step` leads from the composite that this passes through to its part. */
  within(step: string): this {
    this.#path = step + this.#path;
    return this;
  }

  /** `root` names the whole value, and may be empty. */
  message(root: string): string {
    const path = root === '' ? this.#path.replace(/^\./, '') : root + this.#path;
    return path === '' ? this.problem : `${path}: ${this.problem}`;
  }
}

/** `value` is of another kind than `type`, or out of its range. */
export function mismatch(type: ColumnType, value: unknown): Mismatch {
  const advice = adviceFor(type, value);
  return new Mismatch(`expected ${expectation(type)}, got ${shown(value)}${advice === undefined ? '' : `; ${advice}`}`);
}

/** A type in a few words. */
function expectation(type: ColumnType): string {
  switch (type.type) {
    case 'array':
      return `array of ${expectation(type.element)}`;
    case 'option':
      return `${expectation(type.value)} or undefined`;
    case 'result':
      return 'either {ok} or {err}';
    case 'product':
      return `object {${listed(type.fields.map((field) => field.name))}}`;
    case 'sum':
      return `object {tag} with tag ${listed(type.variants.map((variant) => quote(variant.name)))}`;
    case 'unit':
      return 'object {}';
    case 'bytes':
      return 'Uint8Array';
    case 'scheduleAt':
      return 'ScheduleAt';
    case 'bool':
      return 'boolean';
    case 'i8':
    case 'u8':
    case 'i16':
    case 'u16':
    case 'i32':
    case 'u32': {
      const bits = Number(type.type.slice(1));
      const signed = type.type.startsWith('i');
      return `${type.type} (${signed ? -(2 ** (bits - 1)) : 0} to ${2 ** (signed ? bits - 1 : bits) - 1})`;
    }
    default:
      return isWrapperName(type.type) ? wrapperTitle(type.type) : type.type;
  }
}

function wrapperTitle(name: string): string {
  return name.slice(0, 1).toUpperCase() + name.slice(1);
}

function adviceFor(type: ColumnType, value: unknown): string | undefined {
  if (isWrapperName(type.type)) return wrappers[type.type].hint;
  switch (type.type) {
    case 'i64':
    case 'u64':
    case 'i128':
    case 'u128':
    case 'i256':
    case 'u256':
      return typeof value === 'number' ? `write ${Number.isSafeInteger(value) ? value : 5}n` : undefined;
    case 'i8':
    case 'u8':
    case 'i16':
    case 'u16':
    case 'i32':
    case 'u32':
    case 'f32':
    case 'f64':
      return typeof value === 'bigint' ? 'use Number(value)' : undefined;
    case 'bytes':
      return Array.isArray(value) ? 'use Uint8Array.from(array)' : undefined;
    case 'scheduleAt':
      return 'use ScheduleAt.interval(micros) or ScheduleAt.time(micros)';
    default:
      return undefined;
  }
}

/** The kind of a value and its beginning. */
function shown(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `string ${quote(value)}`;
    case 'number':
      return `number ${Object.is(value, -0) ? '-0' : value}`;
    case 'bigint':
      return `bigint ${shortened(`${value}`)}n`;
    case 'boolean':
      return `boolean ${value}`;
    case 'object':
      return shownObject(value);
    default:
      return typeof value;
  }
}

function shownObject(value: object | null): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return `array of ${value.length}`;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return `object {${listed(Object.keys(value))}}`;
  return `object of class ${shortened(String(value.constructor?.name))}`;
}

function quote(text: string): string {
  return JSON.stringify(shortened(text));
}

function listed(names: readonly string[]): string {
  const all = names.join(', ');
  return all.length > 2 * shownLengthMax ? `${all.slice(0, 2 * shownLengthMax)}…` : all;
}

function shortened(text: string): string {
  return text.length > shownLengthMax ? `${text.slice(0, shownLengthMax)}…` : text;
}
