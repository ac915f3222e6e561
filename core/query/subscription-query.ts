/** What a subscription's SQL asks for. So far: all rows of one public table. */

import { ForerunError } from '../errors.ts';
import type { ModuleDefinition, TableDefinition } from '../module/definition.ts';

const wholeTable = /^\s*select\s+\*\s+from\s+("(?:[^"]|"")+"|[a-z_][a-z0-9_]*)\s*;?\s*$/i;

/** The table that `sql` asks for. Throws `query-invalid`; a private table is as unknown as one that isn't there. */
export function subscribedTable(sql: string, definition: ModuleDefinition): TableDefinition {
  const name = wholeTable.exec(sql)?.[1];
  if (name === undefined) {
    throw new ForerunError(
      'query-invalid',
      `A subscription has the form SELECT * FROM table; got: ${sql.slice(0, 200)}`,
    );
  }
  const unquoted = name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
  const table = definition.tables.find((each) => each.public && (each.name === unquoted || each.accessor === unquoted));
  if (table === undefined)
    throw new ForerunError(
      'query-invalid',
      `There is no public table '${unquoted}'. Tables are private unless declared with public: true.`,
    );
  return table;
}
