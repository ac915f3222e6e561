/** What the pages with bytes share: the module of their examples, and how their blocks are read. */

import { readFileSync } from 'node:fs';
import { type RowShape, rowShape } from '../../core/engine/row-shape.ts';
import { t } from '../../core/module/column.ts';
import type { ModuleDefinition } from '../../core/module/definition.ts';
import { defineModule } from '../../core/module/module.ts';
import { schema } from '../../core/module/schema.ts';
import { table } from '../../core/module/table.ts';

const player = table(
  { name: 'player', public: true },
  { id: t.u64().primaryKey().autoInc(), name: t.string(), score: t.i32() },
);
const game = schema({ player });
const join = game.reducer({ name: t.string() }, (ctx, { name }) => {
  ctx.db.player.insert({ id: 0n, name, score: 0 });
});

/** As docs/protocol.md writes it out. */
export const definition: ModuleDefinition = defineModule({ default: game, join });

const shapes = definition.tables.map(rowShape);

export function shapeOf(tableId: number): RowShape {
  const shape = shapes[tableId];
  if (shape === undefined) throw new RangeError(`there is no table ${tableId}`);
  return shape;
}

export function readPage(name: string): string {
  return readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
}

/** The blocks ```hex KIND of a page, in order. `00*31` stands for 31 zero bytes; what follows `|` is comment. */
export function hexBlocks(page: string): { readonly kind: string; readonly bytes: Uint8Array }[] {
  return [...page.matchAll(/^```hex (\w+)\n([\s\S]*?)^```$/gm)].map(([, kind = '', text = '']) => ({
    kind,
    bytes: Uint8Array.from(text.split('\n').flatMap((line) => bytesOf(line.split('|', 1)[0] ?? ''))),
  }));
}

function bytesOf(line: string): number[] {
  return line
    .split(' ')
    .filter((term) => term !== '')
    .flatMap((term) => {
      const match = /^([0-9a-f]{2})(?:\*(\d+))?$/.exec(term);
      if (match === null) throw new SyntaxError(`not a byte: ${term}`);
      return Array.from({ length: Number(match[2] ?? 1) }, () => Number.parseInt(match[1] ?? '', 16));
    });
}
