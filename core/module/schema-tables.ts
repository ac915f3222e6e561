/** The tables of a schema as definitions: for the module that exports it, and for queries that are built before it does. */

import type { TableDefinition } from './definition.ts';
import { TakenNames } from './names.ts';
import type { CaseConversionPolicy, SchemaSpec } from './schema.ts';
import { defineTable } from './table-definition.ts';

/** Throws module-invalid. */
export function defineTables(schema: SchemaSpec, sqlNames: TakenNames = new TakenNames()): TableDefinition[] {
  const policy = policyOf(schema);
  return Object.entries(schema.tables).map(([accessor, table], tableId) =>
    defineTable(table, { tableId, accessor, policy, sqlNames }),
  );
}

export function policyOf(schema: SchemaSpec): CaseConversionPolicy {
  return schema.settings.CASE_CONVERSION_POLICY ?? { tag: 'SnakeCase' };
}
