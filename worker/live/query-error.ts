/** What SQLite says of a statement, with the place in the text: its message names a word, and where that is, is found out. */

import type { Engine } from '../../core/engine/engine.ts';
import { ForerunError } from '../../core/errors.ts';
import { nameOf, rewritten, type SqlWord, wordsOf } from '../../core/query/sql-words.ts';

/** So many occurrences of the word are looked at; beyond, it is the first one. */
const triesMax = 50;

/** What the message names, and something that could stand in its place. */
const namings: readonly (readonly [naming: RegExp, other: string])[] = [
  [/(?:no such|ambiguous) column(?: name)?: (.+)$/, 'NULL'],
  [/no such table(?:-valued function)?: (.+)$/, '(SELECT NULL)'],
  [/no such function: (.+)$/, 'json_array'],
  [
    /(?:arguments to|misuse of|use of)(?: aliased)?(?: aggregate| window)?(?: function)?:? ([^\s()]+)\(\)/,
    'json_array',
  ],
  [/no such window: (.+)$/, '(PARTITION BY NULL)'],
  [/no such collation sequence: (.+)$/, 'BINARY'],
  [/no such index: (.+)$/, 'NULL'],
];

/** The error with line and column and the text with a mark; without a mark when SQLite's message names no place. */
export function withPlace(error: unknown, engine: Engine, asked: string, ran: string = asked): ForerunError {
  if (!(error instanceof ForerunError)) throw error;
  // One that has its place already, or is none of SQLite's.
  if (!error.message.startsWith('SQLite ')) return error;
  const [message = ''] = error.message.split('\n');
  const at = placeOf(message, engine, ran);
  if (at < 0)
    return new ForerunError('query-invalid', `${message}\n  ${asked}`, { detail: { sql: asked }, cause: error });
  const before = asked.slice(0, at).split('\n');
  const [line, column] = [before.length, (before.at(-1)?.length ?? 0) + 1];
  const lines = asked.split('\n');
  const shown = [...lines.slice(0, line), `${' '.repeat(column - 1)}^`, ...lines.slice(line)].join('\n  ');
  return new ForerunError('query-invalid', `${message} (line ${line}, column ${column})\n  ${shown}`, {
    detail: { sql: asked, line, column },
    cause: error,
  });
}

function placeOf(message: string, engine: Engine, sql: string): number {
  const words = wordsOf(sql);
  const [, near, unknown] = /near "((?:[^"]|"")+)": syntax error|unrecognized token: "([^"]+)"/.exec(message) ?? [];
  if (near !== undefined) return placeOfNear(near, message, engine, sql, words);
  if (unknown !== undefined) return words.find(({ text }) => text.startsWith(unknown))?.at ?? sql.indexOf(unknown);
  for (const [naming, other] of namings) {
    const [, name] = naming.exec(message) ?? [];
    if (name !== undefined) return placeOfName(name, other, message, engine, sql, words);
  }
  return -1;
}

/**
 * A parser stops at the first token that it can't take: the text up to the right occurrence is refused with the same
 * message, and up to an earlier one it is incomplete.
 */
function placeOfNear(near: string, message: string, engine: Engine, sql: string, words: readonly SqlWord[]): number {
  const found = words
    .filter(({ type, text, at }) => (type === 'name' ? text === near : sql.startsWith(near, at)))
    .slice(0, triesMax);
  return found.find(({ at }) => refusal(engine, sql.slice(0, at + near.length)) === message)?.at ?? -1;
}

/**
 * Occurrences that may be meant, from the last on, get something else in their place: when SQLite says the same no longer,
 * the one that it was about has gone.
 */
function placeOfName(
  name: string,
  other: string,
  message: string,
  engine: Engine,
  sql: string,
  words: readonly SqlWord[],
): number {
  const parts = partsOf(name, words);
  const starts = [...words.keys()].filter((place) => isAt(parts, words, place));
  const first = words[starts[0] ?? -1]?.at ?? -1;
  if (starts.length === 1 || starts.length > triesMax) return first;
  const replaced = new Map<number, string>();
  for (const start of starts.toReversed()) {
    replaced.set(start, other);
    for (let place = start + 1; place < start + parts.length; place++) replaced.set(place, '');
    const said = refusal(
      engine,
      rewritten(sql, words, (_, place) => replaced.get(place)),
    );
    if (said === message) continue;
    if (said?.includes('syntax error') !== true) return words[start]?.at ?? -1;
    for (let place = start; place < start + parts.length; place++) replaced.delete(place);
  }
  return first;
}

/** `a.b` as the words `a`, `.` and `b`, unless the text has a name with a dot in it. */
function partsOf(name: string, words: readonly SqlWord[]): readonly string[] {
  const whole = name.toLowerCase();
  if (words.some((word) => nameOf(word) === whole)) return [whole];
  return whole.split('.').flatMap((part, i) => (i === 0 ? [part] : ['.', part]));
}

function isAt(parts: readonly string[], words: readonly SqlWord[], place: number): boolean {
  // A part of a longer name is another name.
  if (words[place - 1]?.text === '.') return false;
  return parts.every((part, i) => {
    const word = words[place + i];
    return word !== undefined && (nameOf(word) ?? word.text) === part;
  });
}

function refusal(engine: Engine, sql: string): string | undefined {
  try {
    engine.query(sql).free();
    return undefined;
  } catch (error) {
    return error instanceof ForerunError ? error.message.split('\n')[0] : undefined;
  }
}
