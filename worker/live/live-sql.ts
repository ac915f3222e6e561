/**
 * SQL of an app's own, as SQLite is to run it on a replica: its values bound as the columns they are compared with hold them,
 * and what stands in double quotes a name, which SQLite would take for a text where there is none of that name.
 *
 * Law: a value that would be compared wrongly is refused. sql.js binds bigints as text, so integers beyond 32 bits are cast.
 */

import type { SqlValue } from '../../core/engine/sql-value.ts';
import { sqlMapping } from '../../core/engine/sql-value.ts';
import type { TablesDefined } from '../../core/query/plan-query.ts';
import { comparedType } from '../../core/query/expression.ts';
import { checkQuery, isKeyword, nameOf, rewritten, type SqlWord, wordsOf } from '../../core/query/sql-words.ts';
import { halfCharacter, queryError } from '../../core/query/token.ts';
import type { ColumnType } from '../../core/value/column-type.ts';

export interface LiveSql {
  /** As the app wrote it. */
  readonly asked: string;
  readonly words: readonly SqlWord[];
  readonly sql: string;
  readonly params: readonly SqlValue[];
}

/** Throws `query-invalid`. */
export function liveSql(asked: string, params: readonly SqlValue[], { tables }: TablesDefined): LiveSql {
  const words = wordsOf(asked);
  checkQuery(asked, words);
  const { positions, count } = placesOfValues(words);
  if (count !== params.length) {
    const missing = words.find((word) => (positions.get(word) ?? 0) > params.length);
    const problem = `it has ${count} values to be bound ('?'), and ${params.length} came with it`;
    throw queryError(asked, missing?.at ?? 0, problem);
  }
  const columns = namedTables(words, tables).flatMap((table) => table.columns);
  const bound = [...params];
  const sql = rewritten(asked, words, (word, place) => {
    if (word.type === 'quoted' && word.text.startsWith('"'))
      return `\`${word.text.slice(1, -1).replaceAll('""', '"').replaceAll('`', '``')}\``;
    const position = positions.get(word);
    if (position === undefined) return undefined;
    const value = params[position - 1] ?? null;
    if (typeof value === 'string' && !value.isWellFormed()) throw queryError(asked, word.at, halfCharacter);
    const comparison = comparisonOf(words, place);
    const types = columns
      .filter(({ name }) => name.toLowerCase() === comparison?.column)
      .map(({ type }) => comparedType(type));
    const stored = storedAs(value, types, comparison?.isEquality === true);
    if ('problem' in stored) throw queryError(asked, word.at, stored.problem);
    bound[position - 1] = stored.value;
    return stored.isCast ? `CAST(${word.text} AS INTEGER)` : undefined;
  });
  return { asked, words, sql, params: bound };
}

/** Each `?` and the number of its value, from 1, as SQLite counts them; and the largest. */
function placesOfValues(words: readonly SqlWord[]): { positions: ReadonlyMap<SqlWord, number>; count: number } {
  const positions = new Map<SqlWord, number>();
  const named = new Map<string, number>();
  let count = 0;
  for (const word of words) {
    if (word.type !== 'bound') continue;
    const isNumbered = /^\?\d+$/.test(word.text);
    const position = isNumbered ? Number(word.text.slice(1)) : (named.get(word.text) ?? count + 1);
    if (!isNumbered && word.text !== '?') named.set(word.text, position);
    positions.set(word, position);
    count = Math.max(count, position);
  }
  return { positions, count };
}

function namedTables(words: readonly SqlWord[], tables: TablesDefined['tables']): TablesDefined['tables'] {
  const names = new Set(words.map(nameOf));
  return tables.filter(({ name }) => names.has(name.toLowerCase()));
}

interface Comparison {
  readonly column: string;
  readonly isEquality: boolean;
}

const comparing = /^(?:=|==|<>|!=|<|<=|>|>=)$/;
const equating = /^(?:=|==|<>|!=)$/;

/** What the value at this place is compared with, where that is a column: `column = ?`, `? < column`, `column IN (?, ?)`, `BETWEEN`, `IS`. */
function comparisonOf(words: readonly SqlWord[], place: number): Comparison | undefined {
  const before = signsAt(words, place - 1, -1);
  if (comparing.test(before.signs)) return compared(words[before.next], equating.test(before.signs));
  const after = signsAt(words, place + 1, 1);
  if (comparing.test(after.signs)) {
    let at = after.next;
    while (words[at + 1]?.text === '.') at += 2;
    return compared(words[at], equating.test(after.signs));
  }
  let at = place - 1;
  if (isKeyword(words[at], 'is') || (isKeyword(words[at], 'not') && isKeyword(words[at - 1], 'is')))
    return compared(words[isKeyword(words[at], 'is') ? at - 1 : at - 2], true);
  if (isKeyword(words[at], 'and') && isKeyword(words[at - 2], 'between')) at -= 2;
  if (isKeyword(words[at], 'between')) return compared(words[at - (isKeyword(words[at - 1], 'not') ? 2 : 1)], false);
  while (
    words[at] !== undefined &&
    (['bound', 'number', 'text'].includes(words[at]?.type ?? '') || words[at]?.text === ',')
  )
    at--;
  if (words[at]?.text !== '(' || !isKeyword(words[at - 1], 'in')) return undefined;
  return compared(words[at - (isKeyword(words[at - 2], 'not') ? 3 : 2)], true);
}

function signsAt(
  words: readonly SqlWord[],
  from: number,
  step: 1 | -1,
): { readonly signs: string; readonly next: number } {
  let signs = '';
  let at = from;
  for (let word = words[at]; word?.type === 'sign' && '=<>!'.includes(word.text); word = words[(at += step)])
    signs = step === 1 ? signs + word.text : word.text + signs;
  return { signs, next: at };
}

function compared(word: SqlWord | undefined, isEquality: boolean): Comparison | undefined {
  const column = word && nameOf(word);
  return column === undefined ? undefined : { column, isEquality };
}

type Stored = { readonly value: SqlValue; readonly isCast: boolean } | { readonly problem: string };

const asItIs = (value: SqlValue): Stored => ({ value, isCast: false });
const wideRanges: { readonly [type: string]: readonly [low: bigint, high: bigint] } = {
  i128: [-(2n ** 127n), 2n ** 127n],
  u128: [0n, 2n ** 128n],
  i256: [-(2n ** 255n), 2n ** 255n],
  u256: [0n, 2n ** 256n],
};

/** Integers as they are held by columns of these types, which all that the value may be compared with are of. */
function storedAs(value: SqlValue, types: readonly ColumnType[], isEquality: boolean): Stored {
  if (typeof value !== 'bigint' && !(typeof value === 'number' && Number.isSafeInteger(value))) return asItIs(value);
  const integer = BigInt(value);
  const [type] = types;
  const isOne = type !== undefined && types.every((each) => each.type === type.type);
  const range = isOne ? wideRanges[type.type] : undefined;
  if (isOne && range !== undefined) {
    if (integer < range[0] || integer >= range[1]) return { problem: `no ${type.type} is ${integer}` };
    return asItIs(sqlMapping(type).toSql(integer as never));
  }
  if (typeof value === 'number') return asItIs(value);
  if (integer >= -(2n ** 31n) && integer < 2n ** 31n) return asItIs(Number(integer));
  if (integer >= -(2n ** 63n) && integer < 2n ** 63n) return { value: integer.toString(), isCast: true };
  if (!isOne || type.type !== 'u64' || integer < 0n || integer >= 2n ** 64n)
    return {
      problem: `SQLite has no integers as large as ${integer}; compare a column with it in a query of the builder`,
    };
  // Stored as their signed twins, which are below all others.
  if (!isEquality)
    return {
      problem: `in SQL, values of u64 from 2^63 up have no order; ask for those beyond ${integer} with a query of the builder`,
    };
  return { value: BigInt.asIntN(64, integer).toString(), isCast: true };
}
