/**
 * What SQLite gives for a row, as an app is shown it: integers exactly, as numbers where these hold them and as bigints
 * beyond, and columns of u64 unsigned.
 *
 * SQLite does not say which column a value is from. A view of the same query over tables without rows does, through its
 * declared types; it is asked when the first negative integer comes, which is what a u64 from 2^63 up is stored as.
 */

import type { Database } from '../../core/engine/database.ts';
import { quote, storedColumns } from '../../core/engine/ddl.ts';
import type { Engine } from '../../core/engine/engine.ts';
import { type SqlValue, sqlMapping } from '../../core/engine/sql-value.ts';
import type { TableDefinition } from '../../core/module/definition.ts';
import { comparedType } from '../../core/query/expression.ts';
import { isKeyword, rewritten, type SqlWord } from '../../core/query/sql-words.ts';
import type { LiveSql } from './live-sql.ts';

const unsigned = 'UNSIGNED INTEGER';
const none: ReadonlySet<number> = new Set();

export class ShownValues {
  readonly #engine: Engine;
  #tables: Database | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** For rows of this query, read exactly where they need it. */
  of(query: LiveSql): (row: readonly SqlValue[]) => SqlValue[] {
    let unsignedColumns: ReadonlySet<number> | undefined;
    return (row) =>
      row.map((value, column) => {
        if (typeof value !== 'bigint' && !(typeof value === 'number' && value < 0 && Number.isInteger(value)))
          return value;
        if (value >= 0) return shown(BigInt(value));
        unsignedColumns ??= this.#unsignedColumns(query);
        return shown(unsignedColumns.has(column) ? BigInt.asUintN(64, BigInt(value)) : BigInt(value));
      });
  }

  close(): void {
    this.#tables?.close();
  }

  /** Columns of the result that are columns of u64, be it through subqueries. */
  #unsignedColumns({ asked, words }: LiveSql): ReadonlySet<number> {
    const { tables } = this.#engine.definition;
    if (isCompound(words) || !tables.some((table) => table.columns.some(isUnsigned))) return none;
    this.#tables ??= this.#withoutRows(tables);
    const text = rewritten(asked, words, ({ type, text: word }) =>
      type === 'bound' ? 'NULL' : word === ';' ? '' : undefined,
    );
    this.#tables.run(`CREATE VIEW shown AS ${text}`);
    const info = this.#tables.prepareOnce('PRAGMA table_info(shown)');
    const types = info.all([]).map(([, , type]) => type);
    info.free();
    this.#tables.run('DROP VIEW shown');
    return new Set([...types.keys()].filter((column) => types[column] === unsigned));
  }

  #withoutRows(tables: readonly TableDefinition[]): Database {
    const database = this.#engine.anotherDatabase();
    for (const table of tables) {
      const columns = storedColumns(table).map((name) => {
        const column = table.columns.find((each) => each.name === name);
        const declared =
          column === undefined ? 'BLOB' : isUnsigned(column) ? unsigned : sqlMapping(column.type).declared;
        return `${quote(name)} ${declared}`;
      });
      database.run(`CREATE TABLE ${quote(table.name)} (${columns.join(', ')})`);
    }
    return database;
  }
}

function shown(value: bigint): SqlValue {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

function isUnsigned({ type }: TableDefinition['columns'][number]): boolean {
  return comparedType(type).type === 'u64';
}

/** Its columns are those of several queries: what the first of them says of a column need not hold. */
function isCompound(words: readonly SqlWord[]): boolean {
  let depth = 0;
  return words.some((word) => {
    if (word.text === '(') depth++;
    else if (word.text === ')') depth--;
    return depth === 0 && isKeyword(word, 'union', 'except', 'intersect');
  });
}
