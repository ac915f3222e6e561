/**
 * Takes out of a module what clients never run, when a page is built: the functions of reducers with `predict: false`, of
 * lifecycle and scheduled reducers, and of views. What only they used, imports included, the bundler then drops itself.
 *
 *     list.reducer({ predict: false }, params, fn) · list.reducer({ onSchedule: … }, …, fn)
 *     list.init(fn) · list.clientConnected(fn) · list.clientDisconnected(fn) · list.view(…, fn) · list.anonymousView(…, fn)
 *
 * Law: only calls on a schema are touched: what the file makes with `schema()`, or imports from a file of the project
 * beside something of `forerun`. Only functions written in place, and options written in place, are seen. Every line stays
 * where it was.
 */

import { type ESTree, parseSync, Visitor } from 'vite';

const always: ReadonlySet<string> = new Set(['init', 'clientConnected', 'clientDisconnected', 'view', 'anonymousView']);
const makers = /^(forerun|spacetimedb)(\/|$)/;
const standIn = '__forerunAuthorityOnly';

interface Span {
  readonly start: number;
  readonly end: number;
}

/** The code without them, or undefined when there are none. */
export function withoutAuthorityCode(code: string, id: string): string | undefined {
  if (!/\.(reducer|init|clientConnected|clientDisconnected|view|anonymousView)\s*\(/.test(code)) return undefined;
  const { program, errors } = parseSync(id.split('?', 1)[0] ?? id, code);
  // Whoever reads it next says what is wrong with it.
  if (errors.length > 0) return undefined;
  const schemas = schemaNames(program);
  const found: Span[] = [];
  new Visitor({
    CallExpression: (call) => {
      const fn = authorityFunction(call, schemas);
      if (fn !== undefined) found.push(fn);
    },
  }).visit(program);
  if (found.length === 0) return undefined;
  let text = code;
  for (const { start, end } of found.toSorted((a, b) => b.start - a.start)) {
    const lines = code.slice(start, end).split('\n').length - 1;
    text = text.slice(0, start) + standIn + '\n'.repeat(lines) + text.slice(end);
  }
  // At the end, so that no line moves; imports take effect before everything else wherever they stand.
  return `${text}\nimport { authorityOnly as ${standIn} } from 'forerun';\n`;
}

/** Names of what may be a schema: declared as `schema(…)` of ours, or imported from another file of the module. */
function schemaNames(program: ESTree.Program): ReadonlySet<string> {
  const names = new Set<string>();
  const ours = new Set<string>();
  let usesOurs = false;
  for (const statement of program.body) {
    if (statement.type !== 'ImportDeclaration') continue;
    if (makers.test(statement.source.value)) {
      usesOurs = true;
      for (const each of statement.specifiers)
        if (each.type === 'ImportSpecifier' && 'name' in each.imported && each.imported.name === 'schema')
          ours.add(each.local.name);
    }
  }
  for (const statement of program.body) {
    if (statement.type === 'ImportDeclaration' && usesOurs && statement.source.value.startsWith('.'))
      for (const each of statement.specifiers) names.add(each.local.name);
  }
  new Visitor({
    VariableDeclarator: ({ id, init }) => {
      if (id.type === 'Identifier' && init?.type === 'CallExpression' && init.callee.type === 'Identifier')
        if (ours.has(init.callee.name)) names.add(id.name);
    },
  }).visit(program);
  return names;
}

/** The function that the call is given and clients never run. */
function authorityFunction(
  { callee, arguments: args }: ESTree.CallExpression,
  schemas: ReadonlySet<string>,
): Span | undefined {
  if (callee.type !== 'MemberExpression' || callee.object.type !== 'Identifier' || !schemas.has(callee.object.name))
    return undefined;
  const method = callee.property.type === 'Identifier' ? callee.property.name : '';
  const fn = args.at(-1);
  if (fn?.type !== 'ArrowFunctionExpression' && fn?.type !== 'FunctionExpression') return undefined;
  if (always.has(method)) return fn;
  const options = args[0];
  if (method !== 'reducer' || options?.type !== 'ObjectExpression') return undefined;
  return options.properties.some(isAuthorityOption) ? fn : undefined;
}

function isAuthorityOption(property: ESTree.ObjectExpression['properties'][number]): boolean {
  if (property.type !== 'Property' || property.key.type !== 'Identifier') return false;
  if (property.key.name === 'onSchedule') return true;
  return property.key.name === 'predict' && property.value.type === 'Literal' && property.value.value === false;
}
