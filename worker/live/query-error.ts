/** What SQLite says of a statement, with the place in the text: its message names a word, and where that is, is found out. */

import type { Engine } from '../../core/engine/engine.ts';
import { ForerunError } from '../../core/errors.ts';

const wordOf = /near "((?:[^"]|"")+)"|no such (?:column|table|function): (\S+)|unrecognized token: "([^"]+)"/;

/** The error with line and column and the text with a mark; as it is when SQLite's message names no place. */
export function withPlace(error: unknown, engine: Engine, sql: string): ForerunError {
  if (!(error instanceof ForerunError)) throw error;
  const [message = ''] = error.message.split('\n');
  const [, near, missing, token] = wordOf.exec(message) ?? [];
  const word = near ?? token ?? missing;
  const at = word === undefined ? -1 : placeOf(word, engine, sql, missing === undefined ? message : undefined);
  if (at < 0) return error;
  const before = sql.slice(0, at).split('\n');
  const [line, column] = [before.length, (before.at(-1)?.length ?? 0) + 1];
  const lines = sql.split('\n');
  const shown = [...lines.slice(0, line), `${' '.repeat(column - 1)}^`, ...lines.slice(line)].join('\n  ');
  return new ForerunError('query-invalid', `${message} (line ${line}, column ${column})\n  ${shown}`, {
    detail: { sql, line, column },
    cause: error,
  });
}

/**
 * A parser stops at the first token that it can't take: the text up to the right occurrence is refused with the same
 * message, and up to an earlier one it is incomplete.
 */
function placeOf(word: string, engine: Engine, sql: string, syntaxError: string | undefined): number {
  if (syntaxError === undefined) {
    const at = sql.indexOf(word);
    // A word of SQLite's message may name a column of a table, which the text has apart.
    return at < 0 && word.includes('.') ? sql.indexOf(word.slice(word.lastIndexOf('.') + 1)) : at;
  }
  for (let at = sql.indexOf(word); at >= 0; at = sql.indexOf(word, at + 1)) {
    if (refusal(engine, sql.slice(0, at + word.length)) === syntaxError) return at;
  }
  return -1;
}

function refusal(engine: Engine, sql: string): string | undefined {
  try {
    engine.query(sql).free();
    return undefined;
  } catch (error) {
    return error instanceof ForerunError ? error.message.split('\n')[0] : undefined;
  }
}
