/** Rows as they go to a page: `RowValues` of `host-api.ts`. */

import type { Row } from '../../core/commit/row-change.ts';
import type { RowValues } from '../client/host-api.ts';

export function valuesOf(fields: readonly string[], row: Row): RowValues {
  return fields.map((field) => row[field]);
}
