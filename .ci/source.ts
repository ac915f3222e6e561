/**
 * One source file as the rules of `tidy.ts` look at it: what it imports, its comments, its strings, and the code with
 * both blanked out, so that no rule takes a word in a sentence for a use.
 */

import { type ESTree, parseSync, Visitor } from 'vite';

export interface Source {
  /** From the root of the checkout, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Span[];
  readonly lineComments: readonly Span[];
  readonly strings: readonly Span[];
  /** As long as `text`; comments, strings and regular expressions are spaces. */
  readonly code: string;
}

export interface Span {
  readonly value: string;
  /** 1 for the first line. */
  readonly line: number;
}

/** Throws on a syntax error, naming the file. */
export function parseSource(path: string, text: string): Source {
  const { program, module, comments, errors } = parseSync(path, text);
  if (errors[0]) throw new Error(`${path}: ${errors[0].message}`);
  const lineOf = (offset: number) => text.slice(0, offset).split('\n').length;
  const blanks: { readonly start: number; readonly end: number }[] = [...comments];
  const strings: Span[] = [];
  const imports: Span[] = [];
  const importOf = (request: { start: number; end: number } | null | undefined) => {
    const value = request && /^['"`]([^'"`$]+)['"`]$/.exec(text.slice(request.start, request.end))?.[1];
    if (value) imports.push({ value, line: lineOf(request.start) });
  };

  for (const each of module.staticImports) importOf(each.moduleRequest);
  for (const each of module.staticExports) importOf(each.entries[0]?.moduleRequest);
  for (const each of module.dynamicImports) importOf(each.moduleRequest);
  const stringOf = (node: ESTree.Node, value: string) => {
    blanks.push(node);
    strings.push({ value, line: lineOf(node.start) });
  };
  new Visitor({
    Literal: (node) => {
      if (typeof node.value === 'string') stringOf(node, node.value);
      else if ('regex' in node) blanks.push(node);
    },
    TemplateElement: (node) => stringOf(node, node.value.raw),
    TSImportType: (node) => importOf(node.source),
    NewExpression: (node) => {
      // A worker is started by the URL of its file: as good as an import.
      if (/^new URL\(\s*'[^']+\.tsx?',\s*import\.meta\.url\s*\)$/.test(text.slice(node.start, node.end)))
        importOf(node.arguments[0]);
    },
  }).visit(program);

  const units = text.split('');
  for (const { start, end } of blanks) units.fill(' ', start, end);
  const lineComments = comments.filter(({ type }) => type === 'Line');
  return {
    path,
    text,
    imports,
    strings,
    lineComments: lineComments.map(({ value, start }) => ({ value: value.trim(), line: lineOf(start) })),
    code: units.map((unit, at) => (text[at] === '\n' ? '\n' : unit)).join(''),
  };
}
