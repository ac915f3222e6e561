/** A module's tables and reducers as JSON, for tools: what `forerun describe` shows. */

import type { ModuleDefinition, TableDefinition } from '../../core/module/definition.ts';
import type { ColumnType } from '../../core/value/column-type.ts';

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

export function typeText(type: ColumnType): string {
  switch (type.type) {
    case 'array':
      return `array(${typeText(type.element)})`;
    case 'option':
      return `option(${typeText(type.value)})`;
    case 'result':
      return `result(${typeText(type.ok)}, ${typeText(type.err)})`;
    case 'product':
      return `{ ${type.fields.map((field) => `${field.name}: ${typeText(field.type)}`).join(', ')} }`;
    case 'sum':
      return `enum(${type.variants
        .map((variant) => (variant.type.type === 'unit' ? variant.name : `${variant.name}: ${typeText(variant.type)}`))
        .join(', ')})`;
    default:
      return type.type;
  }
}
