/** Whether two types have the same values and the same bytes. The names of types say nothing about either. */

import type { ColumnType } from '../value/column-type.ts';

export function isSameType(a: ColumnType, b: ColumnType): boolean {
  if (a.type === 'array' && b.type === 'array') return isSameType(a.element, b.element);
  if (a.type === 'option' && b.type === 'option') return isSameType(a.value, b.value);
  if (a.type === 'result' && b.type === 'result') return isSameType(a.ok, b.ok) && isSameType(a.err, b.err);
  if (a.type === 'product' && b.type === 'product') return isSameList(a.fields, b.fields);
  if (a.type === 'sum' && b.type === 'sum') return isSameList(a.variants, b.variants);
  return a.type === b.type;
}

type Named = { readonly name: string; readonly type: ColumnType };

function isSameList(a: readonly Named[], b: readonly Named[]): boolean {
  return (
    a.length === b.length &&
    a.every((each, i) => {
      const other = b[i] as Named;
      return each.name === other.name && isSameType(each.type, other.type);
    })
  );
}
