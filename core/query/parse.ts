/**
 * Subscription SQL → a plan: SpacetimeDB's subset and what we add to it.
 *
 *     query      = SELECT (* | name.*) FROM source {[INNER] JOIN source ON equality {AND equality}} [WHERE condition] [;]
 *     source     = table [[AS] alias]
 *     condition  = conditions with AND, OR, NOT and parentheses over
 *                  operand (= | <> | != | < | <= | > | >=) operand · operand [NOT] IN (literal, …) ·
 *                  operand [NOT] LIKE text · operand IS [NOT] NULL · a boolean column · TRUE · FALSE
 *     operand    = [source.]column | literal | ? | :sender
 *
 * `?` is a value that comes beside the text. Every refusal is `query-invalid` and names the place in the text. Names resolve by their SQL name or their accessor.
 */

import type { SqlValue } from '../engine/sql-value.ts';
import { limits } from '../limits.ts';
import type { ModuleDefinition, TableDefinition } from '../module/definition.ts';
import { type Bound, boundValues, literalValue } from './literal.ts';
import {
  and,
  always,
  type ColumnOperand,
  type CompareOp,
  comparedType,
  type Expression,
  isComparable,
  type Operand,
} from './expression.ts';
import type { JoinCondition, QueryPlan, QuerySource } from './plan.ts';
import { queryError, type Token } from './token.ts';
import { TokenReader } from './token-reader.ts';

const compareOps: Readonly<Record<string, CompareOp>> = {
  '=': 'eq',
  '<>': 'ne',
  '!=': 'ne',
  '<': 'lt',
  '<=': 'lte',
  '>': 'gt',
  '>=': 'gte',
};
const flipped: { readonly [Op in CompareOp]: CompareOp } = {
  eq: 'eq',
  ne: 'ne',
  lt: 'gt',
  lte: 'gte',
  gt: 'lt',
  gte: 'lte',
};
const keywords: ReadonlySet<string> = new Set([
  'select',
  'from',
  'inner',
  'join',
  'on',
  'where',
  'and',
  'or',
  'not',
  'in',
  'like',
  'is',
  'null',
  'as',
  'true',
  'false',
]);

/** What SQL has and these queries have not, which would otherwise be taken for a table's alias. */
const clauses: ReadonlySet<string> = new Set([
  ...['limit', 'offset', 'order', 'group', 'having', 'union', 'intersect', 'except', 'window'],
  ...['left', 'right', 'full', 'outer', 'cross', 'natural', 'using'],
]);

export interface ParseOptions {
  /** Tables that the query may name; others are as unknown as ones that don't exist. */
  readonly isVisible: (table: TableDefinition) => boolean;
  /** Values of the text's `?`, in their order, as a column of their type stores them. */
  readonly params?: readonly SqlValue[];
}

/** Throws `query-invalid` with the place in the text. */
export function parseQuery(
  sql: string,
  definition: Pick<ModuleDefinition, 'tables'>,
  options: ParseOptions,
): QueryPlan {
  return new Parser(sql, definition, options).query();
}

/** An operand before its type is known: a literal takes that of the column it is compared with. */
type RawOperand =
  | { readonly type: 'operand'; readonly operand: Operand; readonly at: number }
  | {
      readonly type: 'literal';
      readonly token: Token | Bound;
      readonly negative: boolean;
      readonly at: number;
    };

class Parser {
  readonly #sql: string;
  readonly #tokens: TokenReader;
  readonly #bound: ReadonlyMap<Token, Bound>;
  readonly #definition: Pick<ModuleDefinition, 'tables'>;
  readonly #options: ParseOptions;
  readonly #sources: QuerySource[] = [];
  #depth = 0;
  #terms = 0;

  constructor(sql: string, definition: Pick<ModuleDefinition, 'tables'>, options: ParseOptions) {
    if (sql.length > limits.queryLengthMax)
      throw queryError(sql, 0, `it is longer than ${limits.queryLengthMax} characters (queryLengthMax)`);
    this.#sql = sql;
    this.#definition = definition;
    this.#options = options;
    this.#tokens = new TokenReader(sql);
    this.#bound = boundValues(sql, this.#tokens.all, options.params ?? []);
  }

  query(): QueryPlan {
    this.#tokens.word('select');
    const selected = this.#selected();
    this.#tokens.word('from');
    this.#source();
    const joins: JoinCondition[] = [];
    while (this.#tokens.takeWord('inner') ? this.#tokens.word('join') : this.#tokens.takeWord('join')) {
      this.#source();
      this.#tokens.word('on');
      do joins.push(this.#equality());
      while (this.#tokens.takeWord('and'));
    }
    const where = this.#tokens.takeWord('where') ? this.#or() : always;
    this.#tokens.takeSymbol(';');
    this.#refuseClause();
    if (this.#tokens.peek().type !== 'end') throw this.#tokens.unexpected('WHERE, JOIN or the end');
    return { sources: this.#sources, result: this.#resultOf(selected), joins, where };
  }

  #selected(): Token | undefined {
    if (this.#tokens.takeSymbol('*')) return undefined;
    const name = this.#name('* or a table');
    this.#tokens.symbol('.');
    this.#tokens.symbol('*');
    return name;
  }

  #resultOf(selected: Token | undefined): number {
    if (selected === undefined) {
      if (this.#sources.length > 1)
        throw queryError(this.#sql, 0, 'a query over several tables says whose rows it wants: SELECT name.* FROM …');
      return 0;
    }
    const source = this.#sources.findIndex(({ alias }) => alias === selected.text);
    if (source < 0) throw queryError(this.#sql, selected.at, `'${selected.text}' is none of the tables after FROM`);
    return source;
  }

  #source(): void {
    const name = this.#name('a table');
    const table = this.#definition.tables.find(
      (each) => (each.name === name.text || each.accessor === name.text) && this.#options.isVisible(each),
    );
    if (table === undefined)
      throw queryError(this.#sql, name.at, `there is no table '${name.text}' that may be read here`);
    this.#refuseClause();
    const isAliased =
      this.#tokens.takeWord('as') || (this.#tokens.peek().type === 'name' && !this.#isKeyword(this.#tokens.peek()));
    const alias = isAliased ? this.#name('an alias').text : name.text;
    if (this.#sources.length >= limits.queryTablesMax)
      throw queryError(this.#sql, name.at, `it joins more than ${limits.queryTablesMax} tables (queryTablesMax)`);
    if (this.#sources.some((source) => source.alias === alias))
      throw queryError(
        this.#sql,
        name.at,
        `two tables are called '${alias}'; give one an alias: ${name.text} AS other`,
      );
    this.#sources.push({ table, alias });
  }

  #refuseClause(): void {
    const token = this.#tokens.peek();
    if (token.type !== 'name' || token.quoted || !clauses.has(token.text.toLowerCase())) return;
    throw queryError(
      this.#sql,
      token.at,
      `a subscription takes no ${token.text.toUpperCase()}: it is all rows that WHERE and JOIN … ON hold for; order, limits and groups are for live queries`,
    );
  }

  #equality(): JoinCondition {
    const left = this.#column();
    this.#tokens.symbol('=');
    const at = this.#tokens.peek().at;
    const right = this.#column();
    if (!sameType(left, right))
      throw queryError(this.#sql, at, `${right.name} can't be equal to ${left.name}: they are of different types`);
    return { left, right };
  }

  #or(): Expression {
    const parts = [this.#and()];
    while (this.#tokens.takeWord('or')) parts.push(this.#and());
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : { type: 'or', parts };
  }

  #and(): Expression {
    const parts = [this.#not()];
    while (this.#tokens.takeWord('and')) parts.push(this.#not());
    return and(parts);
  }

  #not(): Expression {
    if (++this.#depth > limits.queryDepthMax)
      throw queryError(
        this.#sql,
        this.#tokens.peek().at,
        `it is nested deeper than ${limits.queryDepthMax} (queryDepthMax)`,
      );
    const condition = this.#nested();
    this.#depth--;
    return condition;
  }

  #nested(): Expression {
    if (this.#tokens.takeWord('not')) return { type: 'not', part: this.#not() };
    if (!this.#tokens.takeSymbol('(')) return this.#comparison();
    const inner = this.#or();
    this.#tokens.symbol(')');
    return inner;
  }

  #comparison(): Expression {
    if (++this.#terms > limits.queryTermsMax)
      throw queryError(
        this.#sql,
        this.#tokens.peek().at,
        `it has more than ${limits.queryTermsMax} comparisons (queryTermsMax); one IN takes many values`,
      );
    const left = this.#operand();
    const operator = this.#tokens.peek();
    const op = operator.type === 'symbol' ? compareOps[operator.text] : undefined;
    if (op !== undefined) {
      this.#tokens.next();
      return this.#compare(left, op, this.#operand());
    }
    if (left.type === 'literal' && left.token.type === 'name')
      return { type: 'constant', value: isTrueWord(left.token) };
    const column = this.#columnOf(left);
    if (this.#tokens.takeWord('is')) {
      const isNegated = this.#tokens.takeWord('not');
      this.#tokens.word('null');
      return negated(isNegated, { type: 'isNull', operand: column });
    }
    const isNegated = this.#tokens.takeWord('not');
    if (this.#tokens.takeWord('in'))
      return negated(isNegated, { type: 'in', operand: column, values: this.#list(column) });
    if (this.#tokens.takeWord('like'))
      return negated(isNegated, { type: 'like', operand: column, pattern: this.#pattern(column, left.at) });
    if (isNegated || comparedType(column.valueType).type !== 'bool') throw this.#tokens.unexpected('a comparison');
    return {
      type: 'compare',
      op: 'eq',
      left: column,
      right: { type: 'literal', value: true, valueType: { type: 'bool' } },
    };
  }

  #compare(left: RawOperand, op: CompareOp, right: RawOperand): Expression {
    if (left.type === 'literal' && right.type === 'literal')
      throw queryError(this.#sql, left.at, 'a comparison needs a column on one side');
    if (left.type === 'literal') return this.#compare(right, flipped[op], left);
    const a = left.operand;
    const b = right.type === 'literal' ? this.#literal(right, a) : right.operand;
    this.#checkComparable(a, left.at);
    this.#checkSameType(a, b, right.at);
    return { type: 'compare', op, left: a, right: b };
  }

  #list(column: ColumnOperand): Operand[] {
    this.#checkComparable(column, this.#tokens.peek().at);
    this.#tokens.symbol('(');
    const values: Operand[] = [];
    while (!this.#tokens.takeSymbol(')')) {
      if (values.length > 0) this.#tokens.symbol(',');
      const value = this.#operand();
      const operand = value.type === 'literal' ? this.#literal(value, column) : value.operand;
      this.#checkSameType(column, operand, value.at);
      values.push(operand);
    }
    return values;
  }

  #pattern(column: ColumnOperand, at: number): string {
    if (comparedType(column.valueType).type !== 'string')
      throw queryError(this.#sql, at, `LIKE is for text; ${column.name} is none`);
    const token = this.#tokens.next();
    const given = this.#bound.get(token)?.value;
    if (typeof given === 'string') return given;
    if (token.type !== 'text') throw this.#tokens.unexpected("a text such as 'a%'", token);
    return token.text;
  }

  #operand(): RawOperand {
    const token = this.#tokens.peek();
    if (token.type === 'parameter') {
      this.#tokens.next();
      if (token.text !== 'sender')
        throw queryError(this.#sql, token.at, `the only parameter is :sender, got :${token.text}`);
      return { type: 'operand', operand: { type: 'sender' }, at: token.at };
    }
    if (token.type === 'name' && !(isTruthWord(token) && !this.#isFollowedByDot()))
      return { type: 'operand', operand: this.#column(), at: token.at };
    const sign = token.type === 'symbol' && (token.text === '-' || token.text === '+') ? this.#tokens.next().text : '';
    const negative = sign === '-';
    const literal = this.#tokens.next();
    if (sign !== '' && !['number', 'hex', 'bound'].includes(literal.type))
      throw this.#tokens.unexpected('a number', literal);
    if (literal.type === 'symbol' || literal.type === 'end')
      throw this.#tokens.unexpected('a column or a value', literal);
    return { type: 'literal', token: this.#bound.get(literal) ?? literal, negative, at: token.at };
  }

  #literal({ token, negative, at }: Extract<RawOperand, { type: 'literal' }>, other: Operand): Operand {
    const valueType = other.type === 'sender' ? ({ type: 'identity' } as const) : comparedType(other.valueType);
    const value = literalValue(token, negative, valueType);
    if ('problem' in value) throw queryError(this.#sql, at, value.problem);
    return { type: 'literal', value: value.value, valueType };
  }

  #column(): ColumnOperand {
    const first = this.#name('a column');
    const column = this.#tokens.takeSymbol('.') ? this.#name('a column') : undefined;
    const name = column ?? first;
    const found = this.#sources.flatMap(({ table, alias }, source) =>
      column !== undefined && alias !== first.text
        ? []
        : table.columns.flatMap((each, position) =>
            each.name === name.text || each.field === name.text ? [{ source, position, each }] : [],
          ),
    );
    const [match, another] = found;
    if (match === undefined)
      throw queryError(
        this.#sql,
        name.at,
        `there is no column '${column === undefined ? name.text : `${first.text}.${name.text}`}'`,
      );
    if (another !== undefined)
      throw queryError(this.#sql, name.at, `'${name.text}' is a column of several tables; write table.${name.text}`);
    return {
      type: 'column',
      source: match.source,
      column: match.position,
      field: match.each.field,
      name: match.each.name,
      valueType: match.each.type,
    };
  }

  #columnOf(raw: RawOperand): ColumnOperand {
    if (raw.type === 'operand' && raw.operand.type === 'column') return raw.operand;
    throw this.#tokens.unexpected('a comparison');
  }

  #checkSameType(a: Operand, b: Operand, at: number): void {
    if (!sameType(a, b)) throw queryError(this.#sql, at, 'the two sides are of different types');
  }

  #checkComparable(operand: Operand, at: number): void {
    if (operand.type === 'column' && !isComparable(operand.valueType))
      throw queryError(this.#sql, at, `values of ${operand.name} can't be compared`);
  }

  #name(what: string): Token {
    const token = this.#tokens.next();
    if (token.type !== 'name' || this.#isKeyword(token)) throw this.#tokens.unexpected(what, token);
    return token;
  }

  #isKeyword(token: Token): boolean {
    return token.type === 'name' && !token.quoted && keywords.has(token.text.toLowerCase());
  }

  #isFollowedByDot(): boolean {
    const after = this.#tokens.peek(1);
    return after.type === 'symbol' && after.text === '.';
  }
}

function isTruthWord(token: Token): boolean {
  return token.type === 'name' && !token.quoted && /^(?:true|false)$/i.test(token.text);
}

function isTrueWord(token: Token): boolean {
  return token.text.toLowerCase() === 'true';
}

function negated(isNegated: boolean, part: Expression): Expression {
  return isNegated ? { type: 'not', part } : part;
}

/** Options aside, both sides must be of the same type. */
function sameType(a: Operand, b: Operand): boolean {
  const [x, y] = [a, b].map((operand) =>
    JSON.stringify(operand.type === 'sender' ? { type: 'identity' } : comparedType(operand.valueType)),
  );
  return x === y;
}
