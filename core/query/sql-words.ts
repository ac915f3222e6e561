/**
 * A text for SQLite as words and signs, each with its place, however wrong the text is: what is in quotes or a comment is no
 * word. For what has to be said of a statement before SQLite runs it, and after SQLite has refused it.
 */

import { ForerunError } from '../errors.ts';
import { queryError } from './token.ts';

export interface SqlWord {
  /** `name`: also a keyword. `quoted`: a name in `"…"`, `` `…` `` or `[…]`. `bound`: `?`, `?1`, `:name`. */
  readonly type: 'name' | 'quoted' | 'text' | 'bound' | 'number' | 'sign';
  /** As it stands there. */
  readonly text: string;
  readonly at: number;
}

const patterns: readonly (readonly [SqlWord['type'] | 'nothing', RegExp])[] = [
  ['nothing', /\s+|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/u],
  ['text', /'(?:[^']|'')*(?:'|$)/u],
  ['quoted', /"(?:[^"]|"")*(?:"|$)|`(?:[^`]|``)*(?:`|$)|\[[^\]]*(?:\]|$)/u],
  ['bound', /\?\d*|[:@$][\w$\u0080-\u{10ffff}]+/u],
  ['name', /[A-Za-z_\u0080-\u{10ffff}][\w$\u0080-\u{10ffff}]*/u],
  ['number', /\d[\w.]*/u],
  ['sign', /[\s\S]/u],
];
const all = new RegExp(patterns.map(([, { source }]) => `(${source})`).join('|'), 'gu');

export function wordsOf(sql: string): SqlWord[] {
  return [...sql.matchAll(all)].flatMap((match) => {
    const kind = patterns.findIndex((_, i) => match[i + 1] !== undefined);
    const type = patterns[kind]?.[0] ?? 'nothing';
    return type === 'nothing' ? [] : [{ type, text: match[0], at: match.index }];
  });
}

/** What a name means, whichever way it is quoted; in lower case, as SQLite compares names. */
export function nameOf({ type, text }: SqlWord): string | undefined {
  if (type === 'name') return text.toLowerCase();
  if (type !== 'quoted') return undefined;
  const quote = text[0] ?? '';
  const inside = text.slice(1, -1);
  return (quote === '[' ? inside : inside.replaceAll(quote + quote, quote)).toLowerCase();
}

export function isKeyword(word: SqlWord | undefined, ...keywords: readonly string[]): boolean {
  return word?.type === 'name' && keywords.includes(word.text.toLowerCase());
}

/** The text with some of its words written otherwise. */
export function rewritten(
  sql: string,
  words: readonly SqlWord[],
  write: (word: SqlWord, place: number) => string | undefined,
): string {
  let text = '';
  let end = 0;
  for (const [place, word] of words.entries()) {
    const other = write(word, place);
    if (other === undefined) continue;
    text += sql.slice(end, word.at) + other;
    end = word.at + word.text.length;
  }
  return text + sql.slice(end);
}

/** Throws `query-invalid` unless it is one statement that asks. SQLite would take the first of several and say nothing. */
export function checkQuery(sql: string, words: readonly SqlWord[]): void {
  if (!isKeyword(words[0], 'select', 'with', 'values'))
    throw new ForerunError(
      'query-invalid',
      `Only queries can be asked of a replica (SELECT, WITH, VALUES); rows are changed by reducers. Got: ${sql.slice(0, 200).toWellFormed()}`,
    );
  const end = words.findIndex(({ type, text }) => type === 'sign' && text === ';');
  const more = end < 0 ? undefined : words[end + 1];
  if (more !== undefined) throw queryError(sql, more.at, 'a query is one statement; ask the next one by itself');
}
