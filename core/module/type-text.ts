/** A type as text, for people and for comparison: equal texts, equal values and bytes. The names of types have no part in it. */

import type { ColumnType } from '../value/column-type.ts';

export function typeText(type: ColumnType): string {
  switch (type.type) {
    case 'array':
      return `array(${typeText(type.element)})`;
    case 'option':
      return `option(${typeText(type.value)})`;
    case 'result':
      return `result(${typeText(type.ok)}, ${typeText(type.err)})`;
    case 'product':
      return `{ ${namedTexts(type.fields)} }`;
    case 'sum':
      return `enum(${type.variants.map(variantText).join(', ')})`;
    default:
      return type.type;
  }
}

function namedTexts(list: readonly { readonly name: string; readonly type: ColumnType }[]): string {
  return list.map(namedText).join(', ');
}

function namedText({ name, type }: { readonly name: string; readonly type: ColumnType }): string {
  return `${nameText(name)}: ${typeText(type)}`;
}

/** A unit is said by the variant's name alone. */
function variantText(variant: { readonly name: string; readonly type: ColumnType }): string {
  return variant.type.type === 'unit' ? nameText(variant.name) : namedText(variant);
}

/** A name that could be taken for something else is quoted. */
function nameText(name: string): string {
  return /^[\w$]+$/.test(name) ? name : JSON.stringify(name);
}
