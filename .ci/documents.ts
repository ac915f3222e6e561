/**
 * Documents that promise to be complete, compared with the code: the numbered rules of docs/spec.md with the tests that
 * cite them, docs/errors.md and docs/limits.md with their tables, docs/dependencies.md with package.json.
 */

import type { Source } from './source.ts';

/**
 * Rows `| name | door | reason |` of docs/dependencies.md: which files (or folders, with a slash at the end) may import
 * a dependency. A door of `–` means none of the sources.
 */
export function readDoors(text: string): ReadonlyMap<string, readonly string[]> {
  const rows = [...text.matchAll(/^\| `([^`]+)` \| ([^|]+) \|/gm)];
  return new Map(
    rows.map(([, name = '', door = '']) => [name, [...door.matchAll(/`([^`]+)`/g)].map(([, file = '']) => file)]),
  );
}

export function* checkDocuments(
  sources: readonly Source[],
  tests: readonly Source[],
  documents: ReadonlyMap<string, string>,
): Generator<string> {
  const code = (path: string) => sources.find((source) => source.path === path)?.text ?? '';
  yield* withDocument(documents, 'docs/spec.md', (text) => checkSpec(text, tests));
  yield* withDocument(documents, 'docs/errors.md', (text) => {
    const codes = all(/errorCodes = \[([^\]]*)\]/.exec(code('core/errors.ts'))?.[1] ?? '', /'([^']+)'/g);
    return compare('docs/errors.md', all(text, /^## `?([a-z-]+)`?$/gm), 'core/errors.ts', codes);
  });
  yield* withDocument(documents, 'docs/limits.md', (text) => {
    const names = all(/limits = \{([\s\S]*?)\n\}/.exec(code('core/limits.ts'))?.[1] ?? '', /^ {2}(\w+):/gm);
    return compare('docs/limits.md', all(text, /^\| `(\w+)` \|/gm), 'core/limits.ts', names);
  });
  yield* withDocument(documents, 'docs/dependencies.md', (text) => {
    const { dependencies, devDependencies, peerDependencies } = JSON.parse(documents.get('package.json') ?? '{}');
    const names = Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies });
    const listed = [...readDoors(text).keys()].filter((name) => name !== 'node:*');
    return compare('docs/dependencies.md', listed, 'package.json', names);
  });
}

function* withDocument(
  documents: ReadonlyMap<string, string>,
  path: string,
  check: (text: string) => Iterable<string>,
): Generator<string> {
  const text = documents.get(path);
  if (text === undefined) yield `${path} is missing`;
  else yield* check(text);
}

/** Rules are list items `- **ENG-3** …`; a test cites one as `[ENG-3]` in its name. */
function* checkSpec(text: string, tests: readonly Source[]): Generator<string> {
  const rules = all(text, /^\s*- \*\*([A-Z]+-\d+)\*\*/gm);
  for (const rule of new Set(rules.filter((each, at) => rules.indexOf(each) !== at)))
    yield `docs/spec.md has two rules ${rule}`;
  const cited = new Set<string>();
  for (const { path, strings } of tests) {
    for (const { value, line } of strings) {
      for (const rule of all(value, /\[([A-Z]+-\d+)\]/g)) {
        cited.add(rule);
        if (!rules.includes(rule)) yield `${path}:${line} cites ${rule}, which docs/spec.md does not have`;
      }
    }
  }
  for (const rule of rules) if (!cited.has(rule)) yield `docs/spec.md: no test cites [${rule}]`;
}

function* compare(
  document: string,
  listed: readonly string[],
  origin: string,
  names: readonly string[],
): Generator<string> {
  for (const name of names) if (!listed.includes(name)) yield `${document} lacks ${name} of ${origin}`;
  for (const name of listed) if (!names.includes(name)) yield `${document} has ${name}, which ${origin} lacks`;
}

function all(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1] ?? '');
}
