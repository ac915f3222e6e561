/**
 * Functions generated from column types as JavaScript source: the way to one straight-line function per type, where an
 * interpreter would switch on the type again for every field of every row.
 *
 * Each generated function has an interpreted twin with the same meaning, used where a content security policy forbids
 * code generation. Only names and numbers out of a type reach the source, and names only through `quoted`.
 */

import type { ColumnType } from '../value/column-type.ts';

export interface Program {
  /** Finished function declarations. */
  readonly functions: string[];
  /** What the functions refer to by name, besides each other. */
  readonly constants: Map<string, unknown>;
  /** The function of each type met so far: one type object in many places gives one function. */
  readonly functionNames: Map<ColumnType, string>;
}

export function emptyProgram(constants: Readonly<Record<string, unknown>>): Program {
  return { functions: [], constants: new Map(Object.entries(constants)), functionNames: new Map() };
}

/** Name of the function for `type`, declared at its first use. */
export function functionFor(program: Program, type: ColumnType, declare: (name: string) => string): string {
  const known = program.functionNames.get(type);
  if (known !== undefined) return known;
  const name = `f${program.functionNames.size}`;
  program.functionNames.set(type, name);
  program.functions.push(declare(name));
  return name;
}

/** Runs the declarations and returns the value of `expression`, the function wanted. Its type is the generator's word. */
export function evaluate<T>(program: Program, expression: string): T {
  const body = `"use strict";\n${program.functions.join('\n')}\nreturn ${expression};`;
  return new Function(...program.constants.keys(), body)(...program.constants.values());
}

/** A name out of a type as a string literal: no name can end the literal. */
export function quoted(name: string): string {
  return JSON.stringify(name);
}

/** `object["name"]`. */
export function member(object: string, name: string): string {
  return `${object}[${quoted(name)}]`;
}

/** An object literal; `__proto__` becomes a property like any other. */
export function objectLiteral(entries: readonly (readonly [name: string, expression: string])[]): string {
  const properties = entries.map(([name, expression]) =>
    name === '__proto__' ? `["__proto__"]: ${expression}` : `${quoted(name)}: ${expression}`,
  );
  return `{ ${properties.join(', ')} }`;
}

let generationAllowed: boolean | undefined;

/** False where a content security policy without `unsafe-eval` holds; found out once. */
export function canGenerateCode(): boolean {
  if (generationAllowed === undefined) {
    try {
      generationAllowed = new Function('return true')() === true;
    } catch {
      generationAllowed = false;
    }
  }
  return generationAllowed;
}
