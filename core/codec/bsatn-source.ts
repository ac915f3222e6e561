/**
 * Source of the compiled codec. Neighbouring fields of fixed size form a run: their bytes are claimed or taken at once,
 * so that a row like `{id: u32, balance: i64}` costs one bounds check and two loads.
 */

import type { ColumnType, PrimitiveTypeName, ProductType } from '../value/column-type.ts';
import type { ByteReader } from './byte-reader.ts';
import { type ByteWriter, canonicalFloat } from './byte-writer.ts';
import { layoutOf, primitiveBytes } from './layout.ts';
import { isWrapperName, scheduleAtType, wrappers } from './opaque.ts';
import { emptyProgram, evaluate, functionFor, member, objectLiteral, type Program, quoted } from './source.ts';

export function generateEncode(type: ColumnType): (writer: ByteWriter, value: unknown) => void {
  const program = emptyProgram({ canonicalFloat });
  const whole: Part = { type, expression: 'x' };
  program.functions.push(`function encode(w, x) {\n${encodeParts(program, [whole])}\n}`);
  return evaluate(program, 'encode');
}

export function generateDecode(type: ColumnType): (reader: ByteReader) => unknown {
  const classes = Object.entries(wrappers).map(([name, wrapper]) => [className(name), wrapper.class]);
  const program = emptyProgram(Object.fromEntries(classes));
  program.functions.push(`function decode(r) {\n${decodeParts(program, [{ type, expression: 'x' }])}\nreturn x;\n}`);
  return evaluate(program, 'decode');
}

/** A value to encode, or the name that the decoded value gets. */
interface Part {
  readonly type: ColumnType;
  readonly expression: string;
}

/** Neighbours of fixed size, or one part that isn't. */
type Run =
  | { readonly type: 'fixed'; readonly bytes: number; readonly places: readonly Place[] }
  | { readonly type: 'other'; readonly part: Part };

interface Place {
  readonly name: PrimitiveTypeName;
  readonly expression: string;
  /** From the start of the run. */
  readonly offset: number;
}

/** Statements that write the parts in order to the writer `w`. */
function encodeParts(program: Program, parts: readonly Part[]): string {
  const statements = runsOf(parts).map((run, index) => {
    if (run.type === 'other') return encodeStatement(program, run.part);
    const puts = run.places.map(
      ({ name, expression, offset }) => `${putStatement(name, expression, `o${index} + ${offset}`)}\n`,
    );
    return `const o${index} = w.claim(${run.bytes});\n${puts.join('')}`;
  });
  return statements.join('');
}

/** Statements that read the parts in order from the reader `r`, each into a constant of its name. */
function decodeParts(program: Program, parts: readonly Part[]): string {
  const statements = runsOf(parts).map((run, index) => {
    if (run.type === 'other') return `const ${run.part.expression} = ${decodeExpression(program, run.part.type)};\n`;
    const gets = run.places.map(
      ({ name, expression, offset }) => `const ${expression} = ${getExpression(name, `o${index} + ${offset}`)};\n`,
    );
    return `const o${index} = r.take(${run.bytes});\n${gets.join('')}`;
  });
  return statements.join('');
}

function encodeStatement(program: Program, { type, expression: x }: Part): string {
  switch (type.type) {
    case 'unit':
      return '';
    case 'string':
      return `w.string(${x});\n`;
    case 'bytes':
      return `w.byteArray(${x});\n`;
    default:
      return `${functionFor(program, type, (name) => `function ${name}(w, x) {\n${encodeBody(program, type)}}`)}(w, ${x});\n`;
  }
}

/** Writes the value `x` of a type that is no fixed primitive. */
function encodeBody(program: Program, type: ColumnType): string {
  const encode = (part: ColumnType, expression: string) => encodeParts(program, [{ type: part, expression }]);
  switch (type.type) {
    case 'array': {
      const count = 'const n = x.length;\nw.u32(n);\n';
      const fixed = fixedPrimitive(type.element);
      if (fixed === undefined) return `${count}for (let i = 0; i < n; i++) {\n${encode(type.element, 'x[i]')}}\n`;
      const { name, bytes } = fixed;
      const put = putStatement(name, 'x[i]', 'o');
      return `${count}let o = w.claim(n * ${bytes});\nfor (let i = 0; i < n; i++, o += ${bytes}) ${put}\n`;
    }
    case 'option':
      return `if (x === undefined) w.u8(1);\nelse {\nw.u8(0);\n${encode(type.value, 'x')}}\n`;
    case 'result':
      return `if ("ok" in x) {\nw.u8(0);\n${encode(type.ok, 'x.ok')}} else {\nw.u8(1);\n${encode(type.err, 'x.err')}}\n`;
    case 'product':
      return encodeParts(
        program,
        type.fields.map((field) => ({ type: field.type, expression: member('x', field.name) })),
      );
    case 'sum': {
      const cases = type.variants.map(
        (variant, tag) =>
          `case ${quoted(variant.name)}: {\nw.u8(${tag});\n${encode(variant.type, 'x.value')}break;\n}\n`,
      );
      return `switch (x.tag) {\n${cases.join('')}default: throw new Error("forerun: no such variant: " + x.tag);\n}\n`;
    }
    case 'scheduleAt':
      return encodeBody(program, scheduleAtType);
    default:
      return encode(type, 'x');
  }
}

function decodeExpression(program: Program, type: ColumnType): string {
  switch (type.type) {
    case 'unit':
      return '{}';
    case 'string':
      return 'r.string()';
    case 'bytes':
      return 'r.byteArray()';
    default:
      return `${functionFor(program, type, (name) => `function ${name}(r) {\n${decodeBody(program, type)}}`)}(r)`;
  }
}

/** Returns a value of a type that is no fixed primitive. */
function decodeBody(program: Program, type: ColumnType): string {
  const decode = (part: ColumnType) => decodeParts(program, [{ type: part, expression: 'x' }]);
  switch (type.type) {
    case 'array': {
      const count = `const n = r.elements(${layoutOf(type.element).bytesMin});\nconst a = new Array(n);\n`;
      const fixed = fixedPrimitive(type.element);
      if (fixed === undefined)
        return `${count}for (let i = 0; i < n; i++) {\n${decode(type.element)}a[i] = x;\n}\nreturn a;\n`;
      const { name, bytes } = fixed;
      const get = getExpression(name, 'o');
      return `${count}let o = r.take(n * ${bytes});\nfor (let i = 0; i < n; i++, o += ${bytes}) a[i] = ${get};\nreturn a;\n`;
    }
    case 'option':
      return `if (r.variant(2) === 1) return undefined;\n${decode(type.value)}return x;\n`;
    case 'result':
      return `if (r.variant(2) === 0) {\n${decode(type.ok)}return { ok: x };\n}\n${decode(type.err)}return { err: x };\n`;
    case 'product':
      return decodeProduct(program, type);
    case 'sum': {
      const cases = type.variants.map((variant, tag) => {
        const name = quoted(variant.name);
        if (variant.type.type === 'unit') return `case ${tag}: return { tag: ${name} };\n`;
        return `case ${tag}: {\n${decode(variant.type)}return { tag: ${name}, value: x };\n}\n`;
      });
      return `switch (r.variant(${type.variants.length})) {\n${cases.join('')}}\n`;
    }
    case 'scheduleAt':
      return decodeBody(program, scheduleAtType);
    default:
      return `${decode(type)}return x;\n`;
  }
}

function decodeProduct(program: Program, type: ProductType): string {
  const parts = type.fields.map((field, index) => ({ type: field.type, expression: `x${index}` }));
  const literal = objectLiteral(type.fields.map((field, index) => [field.name, `x${index}`]));
  return `${decodeParts(program, parts)}return ${literal};\n`;
}

function runsOf(parts: readonly Part[]): readonly Run[] {
  const runs: Run[] = [];
  for (const part of parts) {
    const fixed = fixedPrimitive(part.type);
    const last = runs.at(-1);
    if (fixed === undefined) {
      runs.push({ type: 'other', part });
    } else if (last?.type === 'fixed') {
      const place = { name: fixed.name, expression: part.expression, offset: last.bytes };
      runs[runs.length - 1] = { type: 'fixed', bytes: last.bytes + fixed.bytes, places: [...last.places, place] };
    } else {
      runs.push({
        type: 'fixed',
        bytes: fixed.bytes,
        places: [{ name: fixed.name, expression: part.expression, offset: 0 }],
      });
    }
  }
  return runs;
}

/** The primitives that can be part of a run. */
function fixedPrimitive(type: ColumnType): { name: PrimitiveTypeName; bytes: number } | undefined {
  switch (type.type) {
    case 'array':
    case 'option':
    case 'result':
    case 'product':
    case 'sum':
    case 'scheduleAt':
    case 'unit':
      return undefined;
    default: {
      const bytes = primitiveBytes(type.type);
      return bytes === undefined ? undefined : { name: type.type, bytes };
    }
  }
}

const dataViewNames: Readonly<Partial<Record<PrimitiveTypeName, string>>> = {
  i8: 'Int8',
  u8: 'Uint8',
  i16: 'Int16',
  u16: 'Uint16',
  i32: 'Int32',
  u32: 'Uint32',
  f32: 'Float32',
  f64: 'Float64',
  i64: 'BigInt64',
  u64: 'BigUint64',
};

function putStatement(name: PrimitiveTypeName, x: string, at: string): string {
  if (isWrapperName(name)) return putStatement(wrappers[name].inner, `${x}.${wrappers[name].field}`, at);
  switch (name) {
    case 'bool':
      return `w.data.setUint8(${at}, ${x} ? 1 : 0);`;
    case 'f32':
    case 'f64':
      return `w.data.set${dataViewNames[name]}(${at}, canonicalFloat(${x}), true);`;
    case 'i128':
    case 'u128':
      return `w.u128At(${at}, ${x});`;
    case 'i256':
    case 'u256':
      return `w.u256At(${at}, ${x});`;
    default:
      return `w.data.set${dataViewNames[name]}(${at}, ${x}, true);`;
  }
}

function getExpression(name: PrimitiveTypeName, at: string): string {
  if (isWrapperName(name)) return `new ${className(name)}(${getExpression(wrappers[name].inner, at)})`;
  switch (name) {
    case 'bool':
    case 'i128':
    case 'u128':
    case 'i256':
    case 'u256':
      return `r.${name}At(${at})`;
    case 'f32':
    case 'f64':
      return `r.data.get${dataViewNames[name]}(${at}, true) + 0`;
    default:
      return `r.data.get${dataViewNames[name]}(${at}, true)`;
  }
}

/** Not the class's own name, which a minifier changes. */
function className(wrapperName: string): string {
  return `${wrapperName}Class`;
}
