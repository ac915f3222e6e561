/** SQL text as tokens, each with its place, so that an error can point at it. */

import { ForerunError } from '../errors.ts';

export type Token =
  | { readonly type: 'name'; readonly text: string; readonly quoted: boolean; readonly at: number }
  | { readonly type: 'number'; readonly text: string; readonly at: number }
  | { readonly type: 'text'; readonly text: string; readonly at: number }
  /** Digits of `x'…'` or `0x…`. */
  | { readonly type: 'hex'; readonly text: string; readonly at: number }
  | { readonly type: 'parameter'; readonly text: string; readonly at: number }
  /** `?`, whose value comes beside the text. */
  | { readonly type: 'bound'; readonly text: string; readonly at: number }
  | { readonly type: 'symbol'; readonly text: string; readonly at: number }
  | { readonly type: 'end'; readonly text: ''; readonly at: number };

const patterns: readonly (readonly [Exclude<Token['type'], 'end'> | 'space', RegExp])[] = [
  ['space', /(?:\s+|--[^\n]*|\/\*[\s\S]*?\*\/)/y],
  ['hex', /(?:[xX]'((?:[0-9a-fA-F]{2})*)'|0[xX]([0-9a-fA-F]+))/y],
  ['number', /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y],
  ['text', /'((?:[^']|'')*)'/y],
  ['name', /(?:"((?:[^"]|"")+)"|([\p{L}_][\p{L}\p{N}_]*))/uy],
  ['parameter', /:([A-Za-z_]\w*)/y],
  ['bound', /\?/y],
  ['symbol', /(?:<=|>=|<>|!=|[=<>(),.*;+-])/y],
];

export function tokenise(sql: string): Token[] {
  if (!sql.isWellFormed()) throw queryError(sql, halfAt(sql), halfCharacter);
  const tokens: Token[] = [];
  let at = 0;
  while (at < sql.length) {
    const found = patterns
      .map(([type, pattern]) => ({ type, match: matchAt(pattern, sql, at) }))
      .find(({ match }) => match !== null);
    if (found?.match == null) throw queryError(sql, at, `unexpected ${JSON.stringify(sql[at])}`);
    const { type, match } = found;
    if (type !== 'space') tokens.push(tokenOf(type, match, at));
    at += match[0].length;
  }
  tokens.push({ type: 'end', text: '', at });
  return tokens;
}

/** `query-invalid`, with the place in words that fit one line or many. */
export function queryError(sql: string, at: number, problem: string): ForerunError {
  const before = sql.slice(0, at).split('\n');
  const line = before.length;
  const column = (before.at(-1)?.length ?? 0) + 1;
  const place = line === 1 ? `position ${column}` : `line ${line}, position ${column}`;
  // What is cut off, or was refused for it, may end in half a character, and the message is sent.
  const message = `Query refused at ${place}: ${problem}\n  ${sql.slice(0, 500)}`.toWellFormed();
  return new ForerunError('query-invalid', message, { detail: { line, column } });
}

/** Of a text that nothing can store and no frame can carry. */
export const halfCharacter = 'it has half of a character (a lone surrogate); use text.toWellFormed()';

/** Where the first lone surrogate is. */
function halfAt(text: string): number {
  const whole = text.toWellFormed();
  let at = 0;
  while (text[at] === whole[at]) at++;
  return at;
}

function matchAt(pattern: RegExp, sql: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(sql);
}

function tokenOf(type: Exclude<Token['type'], 'end'>, match: RegExpExecArray, at: number): Token {
  const [whole, first, second] = match;
  switch (type) {
    case 'name':
      return first === undefined
        ? { type, text: second ?? '', quoted: false, at }
        : { type, text: first.replaceAll('""', '"'), quoted: true, at };
    case 'text':
      return { type, text: (first ?? '').replaceAll("''", "'"), at };
    case 'hex':
      return { type, text: first ?? second ?? '', at };
    case 'parameter':
      return { type, text: first ?? '', at };
    default:
      return { type, text: whole, at };
  }
}
