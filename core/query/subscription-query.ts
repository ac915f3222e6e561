/** What a subscription's SQL asks for. So far: all rows of one public table. */

import { ForerunError } from '../errors.ts';
import type { ModuleDefinition, TableDefinition } from '../module/definition.ts';

/** On a text without white space around it; in two steps, because clients write it: neither may take more than one pass. */
const wholeTable = /^select\s+\*\s+from\s+(\S.*)$/is;
const tableName = /^(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_]*)$/i;

/** The table that `sql` asks for. Throws `query-invalid`; a private table is as unknown as one that isn't there. */
export function subscribedTable(sql: string, definition: ModuleDefinition): TableDefinition {
  const name = wholeTable.exec(sql.trim())?.[1]?.replace(/;$/, '').trimEnd();
  if (name === undefined || !tableName.test(name)) {
    throw new ForerunError(
      'query-invalid',
      `A subscription has the form SELECT * FROM table; got: ${sql.slice(0, 200)}`,
    );
  }
  const unquoted = name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
  const tables = definition.tables.filter((each) => each.public);
  const table = tables.find((each) => each.name === unquoted) ?? tables.find((each) => each.accessor === unquoted);
  if (table === undefined)
    throw new ForerunError(
      'query-invalid',
      `There is no public table '${unquoted}'. Tables are private unless declared with public: true.`,
    );
  return table;
}
