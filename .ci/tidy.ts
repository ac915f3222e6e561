/**
 * The house rules that a compiler doesn't know: who may import whom, one door per dependency, no ambient time or chance
 * in core, file lengths and names, leftovers; and that the documents that promise completeness are complete.
 * `npm run tidy` prints one line per finding and fails if there is any.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { parseSync } from 'vite';
import { checkDocuments, readDoors } from './documents.ts';
import { parseSource, type Source, type Span } from './source.ts';

const rooms = ['core', 'worker', 'server', 'demo', 'test', 'bench', '.ci'];
const mayImport: Readonly<Record<string, readonly string[]>> = {
  core: ['core'],
  worker: ['core', 'worker'],
  server: ['core', 'server'],
  demo: ['demo'],
  test: rooms,
  bench: rooms,
  '.ci': rooms,
};
/** A folder of core may import those before it; the files in core itself are the bottom. */
const coreOrder = [
  '',
  'value',
  'codec',
  'module',
  'commit',
  'engine',
  'query',
  'replica',
  'authority',
  'protocol',
  'session',
];
const coreBottom = ['assert.ts', 'errors.ts', 'limits.ts', 'environment.ts'];

const fileLinesMax = 420;
/** Tests are lists of statements, read one at a time. */
const testLinesMax = 700;
/** Files that may be longer, each with the reason. Meant to shrink. */
const longFiles: Readonly<Record<string, string>> = {};

const strangers = /^(utils?|helpers?|common|types)$/;

/** What core must not use, and what to use instead. */
const coreBans: readonly (readonly [RegExp, string])[] = [
  // All but its type, its arithmetic, and `new Date(value)`.
  [
    /\bnew Date(?!\(\s*[^\s)])|(?<!\bnew |: |\binstanceof |[<|] ?)\bDate\b(?!\.(?:UTC|parse)\b)/g,
    'Clock of core/environment.ts',
  ],
  [/\bperformance\b/g, 'Clock.monotonicMs of core/environment.ts'],
  [/\bMath\.random\b/g, "Entropy of core/environment.ts, or the call's own seed"],
  [/(?<!\.)\bcrypto\b/g, "Entropy of core/environment.ts, or the call's own seed"],
  [
    /\b(setTimeout|setInterval|setImmediate|queueMicrotask|requestAnimationFrame)\b/g,
    'Scheduler of core/environment.ts',
  ],
  [/(?<!\.)\bfetch\(/g, 'an interface that the home implements'],
  [/(?<!\.)\bWebSocket\b/g, 'Transport'],
  [/(?<!\.)\bconsole\b/g, 'a returned value, an event or a ForerunError; the home prints'],
  [
    /(?<!\.)\b(process|window|document|navigator|localStorage|indexedDB)\.|\bglobal(?:This)?\b|\bBuffer\b|(?<!\.)\brequire\(/g,
    'a parameter that the home passes',
  ],
];
/** Files whose business a banned name is, each with the reason. */
const banExceptions: Readonly<Record<string, string>> = {
  'core/engine/guard.ts': 'takes those names away from reducers',
  'core/engine/database.ts': 'gives sql.js another TextDecoder while it starts',
};

/** `x.testing.ts` holds what the tests beside it share. */
const isTest = (path: string) => /\.test(-d|ing)?\.tsx?$/.test(path) || /^(test|bench|\.ci)\//.test(path);
const roomOf = (path: string) => path.split('/')[0] ?? '';
const coreFolder = (path: string) => (path.split('/').length > 2 ? (path.split('/')[1] ?? '') : '');
const at = (source: Source, line: number, finding: string) => `${source.path}:${line} ${finding}`;

function* checkImports(source: Source, doors: ReadonlyMap<string, readonly string[]>): Generator<string> {
  for (const { value, line } of source.imports) {
    const finding = value.startsWith('.')
      ? relativeImport(source.path, posix.join(posix.dirname(source.path), value))
      : packageImport(source.path, value, doors);
    if (finding) yield at(source, line, finding);
  }
}

function relativeImport(from: string, to: string): string | undefined {
  if (/^(core|worker|server)\/index\.ts$/.test(to))
    return `imports ${to}: import the file that has it; an index is for users`;
  if (/\.testing\.tsx?$/.test(to) && !isTest(from)) return `imports ${to}, which is for tests and not published`;
  const room = roomOf(from);
  const isConfig = from.endsWith('vite.config.ts') && to === 'server/vite.ts';
  const isAllowed = mayImport[room]?.includes(roomOf(to)) || isConfig || (isTest(from) && room !== 'demo');
  if (!isAllowed && rooms.includes(roomOf(to))) {
    return `${room} may not import ${to}: ${room === 'demo' ? 'import it by the package name' : `only ${mayImport[room]?.join(', ')}`}`;
  }
  if (room !== 'core' || isTest(from) || from === 'core/index.ts') return undefined;
  const [own, other] = [coreOrder.indexOf(coreFolder(from)), coreOrder.indexOf(coreFolder(to))];
  if (own === -1) return `core/${coreFolder(from)} has no place in core's order of folders`;
  if (other > own) return `core/${coreFolder(from)} may not import ${to}, which comes after it`;
  if (other === 0 && !coreBottom.includes(posix.basename(to)))
    return `${to} is not among the bottom files of core: ${coreBottom.join(' ')}`;
  return undefined;
}

function packageImport(
  from: string,
  specifier: string,
  doors: ReadonlyMap<string, readonly string[]>,
): string | undefined {
  const name = specifier.startsWith('node:')
    ? 'node:*'
    : specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/');
  // A file of our own, which one it is being said in package.json.
  if (isTest(from) || specifier.startsWith('#')) return undefined;
  if (name === 'forerun')
    return roomOf(from) === 'demo' ? undefined : `imports ${specifier}: inside, import the file that has it`;
  const allowed = doors.get(name);
  if (!allowed) return `imports ${specifier}, which docs/dependencies.md does not list`;
  if (allowed.some((door) => (door.endsWith('/') ? from.startsWith(door) : from === door))) return undefined;
  return `imports ${specifier}: its door is ${allowed.join(', ') || 'nowhere in the sources'}`;
}

function* checkText(source: Source): Generator<string> {
  const lines = source.text.split('\n').length - 1;
  const linesMax = isTest(source.path) ? testLinesMax : fileLinesMax;
  if (lines > linesMax && !(source.path in longFiles)) {
    yield at(source, linesMax, `has ${lines} lines: split it by concept (at most ${linesMax})`);
  }
  for (const part of source.path.split('/')) {
    if (strangers.test(part.split('.')[0] ?? ''))
      yield at(source, 1, `a name like ${part} collects strangers: put each thing with its concept`);
  }
  // Spelt so that this file does not find itself.
  for (const mark of ['FIX' + 'ME', 'TO' + 'DO'])
    yield* matches(source, source.text, new RegExp(`\\b${mark}\\b`, 'g'), 'do it, or write down why not');
  yield* matches(source, source.code, /\b(?:test|it|describe)\.only\(/g, 'runs alone and hides the others');
  for (const comment of commentedOutCode(source))
    yield at(source, comment.line, `commented-out code: ${comment.value}`);
  if (roomOf(source.path) !== 'core' || isTest(source.path) || source.path in banExceptions) return;
  for (const [ban, instead] of coreBans) yield* matches(source, source.code, ban, `is not for core: use ${instead}`);
}

function* matches(source: Source, text: string, pattern: RegExp, finding: string): Generator<string> {
  for (const match of text.matchAll(pattern))
    yield at(source, text.slice(0, match.index).split('\n').length, `${match[0].trim()} ${finding}`);
}

/** Line comments that parse as statements which do something. Prose practically never does. */
function commentedOutCode(source: Source): Span[] {
  const telling =
    /^(VariableDeclaration|ImportDeclaration|IfStatement|For\w*Statement|ReturnStatement|ThrowStatement)$/;
  return source.lineComments.filter(({ value }) => {
    if (!/[;})]$/.test(value)) return false;
    const { program, errors } = parseSync('comment.ts', `async () => {\n${value}\n}`);
    const [arrow] = program.body;
    if (
      errors.length > 0 ||
      arrow?.type !== 'ExpressionStatement' ||
      arrow.expression.type !== 'ArrowFunctionExpression'
    )
      return false;
    const body = arrow.expression.body;
    const [first] = body && 'body' in body && Array.isArray(body.body) ? body.body : [];
    if (first?.type === 'ExpressionStatement')
      return /;$/.test(value) && /^(Call|Assignment|Await)Expression$/.test(first.expression.type);
    return telling.test(first?.type ?? '');
  });
}

/** All findings about these files; `documents` are the texts of docs/ by path, and package.json. */
export function tidy(sources: readonly Source[], documents: ReadonlyMap<string, string>): string[] {
  const doors = readDoors(documents.get('docs/dependencies.md') ?? '');
  const findings = sources.flatMap((source) => [...checkImports(source, doors), ...checkText(source)]);
  const tests = sources.filter(({ path }) => isTest(path) && !path.startsWith('.ci/'));
  return [...findings, ...checkDocuments(sources, tests, documents)];
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => posix.join(...join(entry.parentPath, entry.name).split(/[\\/]/)))
    .filter((path) => !/(^|\/)(node_modules|dist)\//.test(path))
    .sort();
}

if (import.meta.main) {
  process.chdir(join(import.meta.dirname, '..'));
  const read = (path: string) => readFileSync(path, 'utf8');
  const sources = rooms
    .flatMap(filesBelow)
    .filter((path) => /\.tsx?$/.test(path))
    .map((path) => parseSource(path, read(path)));
  const documents = new Map(
    [...filesBelow('docs').filter((path) => path.endsWith('.md')), 'package.json'].map((path) => [path, read(path)]),
  );
  const findings = tidy(sources, documents);
  for (const finding of findings) console.log(finding);
  console.log(`tidy: ${sources.length} files, ${findings.length} findings`);
  process.exitCode = findings.length > 0 ? 1 : 0;
}
