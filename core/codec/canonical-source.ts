/**
 * Source of the compiled checks. A generated function returns the canonical copy or throws anything at all: that the
 * value is wrong is all it says, which keeps paths and messages out of the way of the values that are right.
 */

import { limits } from '../limits.ts';
import type { ColumnType, PrimitiveTypeName } from '../value/column-type.ts';
import { isWrapperName, scheduleAtType, type Wrapper, wrappers } from './opaque.ts';
import { emptyProgram, evaluate, functionFor, member, objectLiteral, type Program, quoted } from './source.ts';

/** The checks that aren't worth repeating in source. */
export interface CanonicalChecks {
  readonly isText: (text: string) => boolean;
  readonly canonicalBytes: (value: unknown) => Uint8Array;
  readonly rewrap: (wrapper: Wrapper, value: unknown) => object;
  readonly canonicalFloat: (value: number) => number;
}

export function generateCanonical(type: ColumnType, checks: CanonicalChecks): (value: unknown) => unknown {
  const program = emptyProgram({ ...checks, elementsMax: limits.valueElementsMax });
  for (const [name, wrapper] of Object.entries(wrappers)) {
    program.constants.set(`${name}Class`, wrapper.class);
    program.constants.set(`${name}Wrapper`, wrapper);
  }
  program.functions.push(`function canonical(v) {\n${check(program, type, 'v', 'x')}return x;\n}`);
  return evaluate(program, 'canonical');
}

/** Name of the function that checks `v` and returns its canonical copy. */
function checker(program: Program, type: ColumnType): string {
  return functionFor(program, type, (name) => `function ${name}(v) {\n${body(program, type)}}`);
}

/** Statements that check the constant `v` and declare its canonical copy as the constant `x`. */
function check(program: Program, type: ColumnType, v: string, x: string): string {
  switch (type.type) {
    case 'array':
    case 'result':
    case 'product':
    case 'sum':
    case 'scheduleAt':
      return `const ${x} = ${checker(program, type)}(${v});\n`;
    case 'option':
      return `const ${x} = ${v} === undefined || ${v} === null ? undefined : ${checker(program, type.value)}(${v});\n`;
    default:
      return `${checkPrimitive(type.type, v, x)}\n`;
  }
}

function body(program: Program, type: ColumnType): string {
  const isObject = 'if (typeof v !== "object" || v === null) throw 0;\n';
  switch (type.type) {
    case 'array': {
      const loop = `for (let i = 0; i < n; i++) {\nconst e = v[i];\n${check(program, type.element, 'e', 'x')}a[i] = x;\n}\n`;
      return `if (!Array.isArray(v) || v.length > elementsMax) throw 0;\nconst n = v.length;\nconst a = new Array(n);\n${loop}return a;\n`;
    }
    case 'result': {
      const ok = `if ("ok" in v) {\nconst e = v.ok;\n${check(program, type.ok, 'e', 'x')}return { ok: x };\n}\n`;
      const err = `const e = v.err;\n${check(program, type.err, 'e', 'x')}return { err: x };\n`;
      return `${isObject}if ("ok" in v === "err" in v) throw 0;\n${ok}${err}`;
    }
    case 'product': {
      const fields = type.fields.map(
        (field, i) => `const v${i} = ${member('v', field.name)};\n${check(program, field.type, `v${i}`, `x${i}`)}`,
      );
      const literal = objectLiteral(type.fields.map((field, i) => [field.name, `x${i}`]));
      return `${isObject}${fields.join('')}return ${literal};\n`;
    }
    case 'sum': {
      const cases = type.variants.map((variant) => {
        const name = quoted(variant.name);
        if (variant.type.type === 'unit') return `case ${name}: return { tag: ${name} };\n`;
        return `case ${name}: {\nconst e = v.value;\n${check(program, variant.type, 'e', 'x')}return { tag: ${name}, value: x };\n}\n`;
      });
      return `${isObject}switch (v.tag) {\n${cases.join('')}default: throw 0;\n}\n`;
    }
    case 'scheduleAt':
      return body(program, scheduleAtType);
    default:
      return `${check(program, type, 'v', 'x')}return x;\n`;
  }
}

function checkPrimitive(name: Exclude<PrimitiveTypeName, 'scheduleAt'>, v: string, x: string): string {
  if (isWrapperName(name)) return `const ${x} = ${v} instanceof ${name}Class ? ${v} : rewrap(${name}Wrapper, ${v});`;
  // Bit operations give an equal number for those in range, 0 for -0, and another value or an error for all else.
  const integer = (converted: string) => `const ${x} = ${converted}; if (${x} !== ${v}) throw 0;`;
  const bigint = (converted: string) =>
    `if (typeof ${v} !== "bigint" || ${converted} !== ${v}) throw 0;\nconst ${x} = ${v};`;
  switch (name) {
    case 'unit':
      return `if (${v} !== undefined && (typeof ${v} !== "object" || ${v} === null)) throw 0;\nconst ${x} = {};`;
    case 'bool':
      return `if (typeof ${v} !== "boolean") throw 0;\nconst ${x} = ${v};`;
    case 'string':
      return `if (typeof ${v} !== "string" || !isText(${v})) throw 0;\nconst ${x} = ${v};`;
    case 'bytes':
      return `const ${x} = canonicalBytes(${v});`;
    case 'f32':
      return `if (typeof ${v} !== "number") throw 0;\nconst ${x} = canonicalFloat(Math.fround(${v}));`;
    case 'f64':
      return `if (typeof ${v} !== "number") throw 0;\nconst ${x} = canonicalFloat(${v});`;
    case 'i8':
      return integer(`${v} << 24 >> 24`);
    case 'u8':
      return integer(`${v} & 255`);
    case 'i16':
      return integer(`${v} << 16 >> 16`);
    case 'u16':
      return integer(`${v} & 65535`);
    case 'i32':
      return integer(`${v} | 0`);
    case 'u32':
      return integer(`${v} >>> 0`);
    case 'i64':
    case 'i128':
    case 'i256':
      return bigint(`BigInt.asIntN(${name.slice(1)}, ${v})`);
    case 'u64':
    case 'u128':
    case 'u256':
      return bigint(`BigInt.asUintN(${name.slice(1)}, ${v})`);
  }
}
