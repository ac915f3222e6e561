/**
 * SQL that changes rows, which the owner of a database may write:
 *
 *     INSERT INTO table [(column, …)] VALUES (value, …), …
 *     UPDATE table SET column = value, … [WHERE condition]
 *     DELETE FROM table [WHERE condition]
 *
 * Values are literals, NULL, and for columns that hold several values JSON in quotes. The condition is that of a
 * subscription, over the columns of the table.
 *
 * Law: one statement is one call of the database's, so one commit or none: ordered, logged and durable like a reducer's,
 * under its budget and the tables' constraints. No reducer runs, so what only reducers see to is not seen to.
 */

import type { Authority } from '../../core/authority/authority.ts';
import { ForerunError } from '../../core/errors.ts';
import type { Row } from '../../core/commit/row-change.ts';
import { quote } from '../../core/engine/ddl.ts';
import type { ColumnDefinition, ReducerDefinition, TableDefinition } from '../../core/module/definition.ts';
import { comparedType } from '../../core/query/expression.ts';
import { literalValue } from '../../core/query/literal.ts';
import { parseQuery } from '../../core/query/parse.ts';
import type { QueryPlan } from '../../core/query/plan.ts';
import { expressionSql } from '../../core/query/sql.ts';
import { queryError, type Token } from '../../core/query/token.ts';
import { isWord, TokenReader } from '../../core/query/token-reader.ts';
import type { Identity } from '../../core/value/identity.ts';
import { valueFromJson } from './json-values.ts';

type RowChangeStatement =
  | { readonly type: 'insert'; readonly table: TableDefinition; readonly rows: readonly Row[] }
  | { readonly type: 'update'; readonly table: TableDefinition; readonly set: Row; readonly where: QueryPlan }
  | { readonly type: 'delete'; readonly table: TableDefinition; readonly where: QueryPlan };

/** How many rows are others than before. */
export interface ChangedRows {
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
}

export function isRowChange(sql: string): boolean {
  return /^\s*(insert|update|delete)\b/i.test(sql);
}

/**
 * Resolves when it is durable. Rejects with `query-invalid`, with what a reducer's change of rows would (`row-invalid`,
 * `unique-violation`), with `limit-reached` and `log-unavailable`; then nothing has changed.
 */
export async function changeRows(authority: Authority, sql: string, sender: Identity): Promise<ChangedRows> {
  const statement = new StatementParser(sql, authority.definition.tables).statement();
  if (authority.failure !== undefined) throw authority.failure;
  const counts = { inserted: 0, updated: 0, deleted: 0 };
  const before = authority.executedSeq;
  const rejection = authority.runOwn({
    reducer: statementReducer((db) => run(statement, authority, db)),
    sender,
    complete: (changes) => {
      const isUpdate = statement.type === 'update';
      for (const { before, after } of changes) {
        if (before === undefined) counts.inserted += isUpdate ? 0 : 1;
        // Another key, or another row of a table without keys, is a row gone and one come.
        else if (after === undefined && !isUpdate) counts.deleted++;
        else counts.updated++;
      }
      return changes;
    },
  });
  if (rejection !== undefined) throw new ForerunError(rejection.code, rejection.message);
  const changed = counts.inserted + counts.updated + counts.deleted;
  if (changed > 0 && authority.executedSeq === before)
    throw new ForerunError(
      'limit-reached',
      'The rows that the statement changes take too many bytes for one commit (callBytesMax). Narrow it down with WHERE, and run it several times.',
    );
  await authority.settled();
  return counts;
}

/** In SpacetimeDB's form. */
export function changeJson({ inserted, updated, deleted }: ChangedRows, micros: number): string {
  const stats = { rows_inserted: inserted, rows_updated: updated, rows_deleted: deleted };
  return JSON.stringify([{ schema: { elements: [] }, rows: [], total_duration_micros: micros, stats }]);
}

type Access = {
  readonly insert: (row: Row) => unknown;
  readonly delete: (row: Row) => boolean;
} & Readonly<Record<string, { readonly update: (row: Row) => unknown }>>;

type TableAccesses = Readonly<Record<string, Access>>;

/** In the place of one of the module's. */
function statementReducer(run: (db: TableAccesses) => void): ReducerDefinition {
  return {
    reducerId: -1,
    name: 'sql',
    accessor: 'sql',
    params: { type: 'product', fields: [] },
    lifecycle: undefined,
    scheduledTableId: undefined,
    whenLate: 'skip',
    predict: true,
    run: ({ db }: { readonly db: TableAccesses }) => run(db),
  };
}

function run(statement: RowChangeStatement, authority: Authority, db: TableAccesses): void {
  const { table } = statement;
  const access = db[table.accessor] as Access;
  if (statement.type === 'insert') {
    for (const row of statement.rows) access.insert(row);
    return;
  }
  const found = rowsOf(statement.where, authority, table);
  if (statement.type === 'delete') {
    for (const row of found) access.delete(row);
    return;
  }
  const key = table.primaryKey === undefined ? undefined : table.columns[table.primaryKey]?.field;
  for (const row of found) {
    const next = { ...row, ...statement.set };
    if (key !== undefined && !(key in statement.set)) {
      (access[key] as Access[string]).update(next);
      continue;
    }
    access.delete(row);
    access.insert(next);
  }
}

/** Before any is changed. */
function rowsOf({ sources, where }: QueryPlan, { engine }: Authority, table: TableDefinition): Row[] {
  const condition = expressionSql(where, { sources, dialect: 'sqlite' });
  return engine.store(table.tableId).select(`WHERE ${condition}`, []);
}

class StatementParser {
  readonly #sql: string;
  readonly #tokens: TokenReader;
  readonly #tables: readonly TableDefinition[];

  constructor(sql: string, tables: readonly TableDefinition[]) {
    this.#sql = sql;
    this.#tokens = new TokenReader(sql);
    this.#tables = tables;
  }

  statement(): RowChangeStatement {
    if (this.#tokens.takeWord('insert')) return this.#insert();
    if (this.#tokens.takeWord('update')) {
      const table = this.#table();
      this.#tokens.word('set');
      const set: Record<string, unknown> = {};
      do {
        const column = this.#column(table);
        this.#tokens.symbol('=');
        set[column.field] = this.#value(column);
      } while (this.#tokens.takeSymbol(','));
      return { type: 'update', table, set, where: this.#where(table) };
    }
    this.#tokens.word('delete');
    this.#tokens.word('from');
    const table = this.#table();
    return { type: 'delete', table, where: this.#where(table) };
  }

  #insert(): RowChangeStatement {
    this.#tokens.word('into');
    const table = this.#table();
    let columns = table.columns;
    if (this.#tokens.takeSymbol('(')) {
      const named: ColumnDefinition[] = [];
      do named.push(this.#column(table));
      while (this.#tokens.takeSymbol(','));
      this.#tokens.symbol(')');
      columns = named;
    }
    this.#tokens.word('values');
    const rows: Row[] = [];
    do rows.push(this.#row(table, columns));
    while (this.#tokens.takeSymbol(','));
    this.#tokens.takeSymbol(';');
    if (this.#tokens.peek().type !== 'end') throw this.#tokens.unexpected("',' or the end");
    return { type: 'insert', table, rows };
  }

  #row(table: TableDefinition, columns: readonly ColumnDefinition[]): Row {
    const { at } = this.#tokens.peek();
    this.#tokens.symbol('(');
    const row: Record<string, unknown> = {};
    for (const [i, column] of columns.entries()) {
      if (i > 0 && !this.#tokens.takeSymbol(','))
        throw this.#tokens.unexpected(
          `',' and a value for ${column.name}: it takes ${columns.map(({ name }) => name).join(', ')}`,
        );
      row[column.field] = this.#value(column);
    }
    this.#tokens.symbol(')');
    for (const { field, name, type, autoInc, defaultValue } of table.columns) {
      if (field in row) continue;
      if (autoInc) row[field] = type.type === 'i64' || type.type === 'u64' || /128|256/.test(type.type) ? 0n : 0;
      else if (defaultValue !== undefined) row[field] = defaultValue;
      else if (type.type === 'option') row[field] = undefined;
      else throw queryError(this.#sql, at, `a row of ${table.name} needs a value for ${name}`);
    }
    return row;
  }

  #value({ name, type }: ColumnDefinition): unknown {
    const { at } = this.#tokens.peek();
    if (type.type === 'option' && this.#tokens.takeWord('null')) return undefined;
    const sign = this.#tokens.takeSymbol('-') ? '-' : this.#tokens.takeSymbol('+') ? '+' : '';
    const token = this.#tokens.next();
    if (token.type === 'symbol' || token.type === 'end') throw this.#tokens.unexpected(`a value for ${name}`, token);
    const literal = literalValue(token, sign === '-', comparedType(type));
    if (!('problem' in literal)) return literal.value;
    if (token.type !== 'text' || !/^\s*[[{]/.test(token.text))
      throw queryError(this.#sql, at, `${name}: ${literal.problem}`);
    try {
      return valueFromJson(type, JSON.parse(token.text));
    } catch (error) {
      throw queryError(this.#sql, at, `${name}: ${(error as Error).message}`);
    }
  }

  /** The rest of the statement, read as that of a query of the table. */
  #where(table: TableDefinition): QueryPlan {
    const rest = this.#tokens.peek();
    if (rest.type !== 'end' && !isWord(rest, 'where') && !(rest.type === 'symbol' && rest.text === ';'))
      throw this.#tokens.unexpected('WHERE or the end');
    const text = `SELECT * FROM ${quote(table.name)} ${this.#sql.slice(rest.at)}`;
    return parseQuery(text, { tables: [table] }, { isVisible: () => true });
  }

  #table(): TableDefinition {
    const name = this.#name('a table');
    const table = this.#tables.find((each) => each.name === name.text || each.accessor === name.text);
    if (table === undefined) throw queryError(this.#sql, name.at, `there is no table '${name.text}'`);
    if (table.view !== undefined)
      throw queryError(this.#sql, name.at, `'${name.text}' is a view: change the rows of the tables that it reads`);
    if (table.ephemeral)
      throw queryError(this.#sql, name.at, `rows of '${name.text}' are ephemeral and belong to connections`);
    return table;
  }

  #column({ name: tableName, columns }: TableDefinition): ColumnDefinition {
    const name = this.#name('a column');
    const column = columns.find((each) => each.name === name.text || each.field === name.text);
    if (column === undefined)
      throw queryError(
        this.#sql,
        name.at,
        `${tableName} has no column '${name.text}'; it has ${columns.map((each) => each.name).join(', ')}`,
      );
    return column;
  }

  #name(what: string): Token {
    const token = this.#tokens.next();
    if (token.type !== 'name') throw this.#tokens.unexpected(what, token);
    return token;
  }
}
