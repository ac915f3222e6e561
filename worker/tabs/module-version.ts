/** A short name for a module's shape, for tabs to see whether theirs are the same. */

import type { ModuleShape } from '../../core/module/module-shape.ts';
import { checksum } from '../persist/checksum.ts';

/** Functions have no part in it. */
export function moduleVersion({ tables, reducers }: ModuleShape): string {
  const text = JSON.stringify([tables, reducers], (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  const bytes = new TextEncoder().encode(text);
  return `${checksum(bytes).toString(36)}-${checksum(bytes, 1).toString(36)}`;
}
