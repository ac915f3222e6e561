/** A module's tables and reducers as JSON, for tools: what `forerun describe` shows. */

import type { ModuleDefinition, TableDefinition } from '../../core/module/definition.ts';
import { typeText } from '../../core/module/type-text.ts';

/** Types in one line each, as the module's author would read them: `option(u8)`, `{ x: f64 }`. */
export function schemaJson(definition: ModuleDefinition, isOwner: boolean): string {
  const { hash, tables, reducers, views } = definition;
  return JSON.stringify({
    module_hash: hash,
    tables: tables.filter(({ view, public: isPublic }) => view === undefined && (isOwner || isPublic)).map(tableJson),
    reducers: reducers
      .filter(
        ({ lifecycle, scheduledTableId }) => isOwner || (lifecycle === undefined && scheduledTableId === undefined),
      )
      .map(({ name, params, lifecycle, scheduledTableId, predict }) => ({
        name,
        params: params.fields.map((field) => ({ name: field.name, type: typeText(field.type) })),
        ...(lifecycle !== undefined && { lifecycle }),
        ...(scheduledTableId !== undefined && { scheduled: tables[scheduledTableId]?.name }),
        predicted: predict,
      })),
    views: views.map(({ name, columns }) => ({
      name,
      columns: columns.map((column) => ({ name: column.name, type: typeText(column.type) })),
    })),
  });
}

function tableJson({ name, public: isPublic, event, ephemeral, columns, primaryKey, indexes }: TableDefinition) {
  return {
    name,
    access: isPublic ? 'public' : 'private',
    ...(event && { event }),
    ...(ephemeral && { ephemeral }),
    columns: columns.map((column, at) => ({
      name: column.name,
      type: typeText(column.type),
      ...(at === primaryKey && { primary_key: true }),
      ...(column.autoInc && { auto_inc: true }),
    })),
    indexes: indexes
      .filter(({ primary }) => !primary)
      .map((index) => ({
        name: index.name,
        columns: index.columns.map((at) => columns[at]?.name),
        ...(index.unique && { unique: true }),
      })),
  };
}
