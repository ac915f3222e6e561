/** Reads the tokens of an SQL text one by one, and says where it is when something else was expected. */

import type { ForerunError } from '../errors.ts';
import { queryError, type Token, tokenise } from './token.ts';

export class TokenReader {
  readonly sql: string;
  readonly all: readonly Token[];
  #position = 0;

  constructor(sql: string) {
    this.sql = sql;
    this.all = tokenise(sql);
  }

  /** The token that comes, or one after it. */
  peek(ahead = 0): Token {
    return this.all[this.#position + ahead] ?? { type: 'end', text: '', at: this.sql.length };
  }

  next(): Token {
    const token = this.peek();
    this.#position++;
    return token;
  }

  word(word: string): true {
    if (!this.takeWord(word)) throw this.unexpected(word.toUpperCase());
    return true;
  }

  takeWord(word: string): boolean {
    if (!isWord(this.peek(), word)) return false;
    this.#position++;
    return true;
  }

  symbol(symbol: string): void {
    if (!this.takeSymbol(symbol)) throw this.unexpected(`'${symbol}'`);
  }

  takeSymbol(symbol: string): boolean {
    const token = this.peek();
    if (token.type !== 'symbol' || token.text !== symbol) return false;
    this.#position++;
    return true;
  }

  unexpected(expected: string, token: Token = this.peek()): ForerunError {
    return queryError(this.sql, token.at, `expected ${expected}, got ${shown(token)}`);
  }
}

/** In any case, and not in quotes, which would make a name of it. */
export function isWord(token: Token, word: string): boolean {
  return token.type === 'name' && !token.quoted && token.text.toLowerCase() === word;
}

function shown(token: Token): string {
  return token.type === 'end' ? 'the end' : `'${token.text.slice(0, 40)}'`;
}
