/**
 * The rows of a client as an app holds them that listens to the row callbacks and to nothing else.
 *
 * Law: each callback fits the rows that are there, and changes something. What the mirror holds then is the predicted
 * state, learnt by another way than live queries.
 */

import type { Key, Row } from '../../core/commit/row-change.ts';
import { type RowShape, rowShape } from '../../core/engine/row-shape.ts';
import type { ClientState } from '../../worker/client/client.ts';
import { expectThat, shown } from './failure.ts';
import { definition } from './town.ts';

export const shapes: readonly RowShape[] = definition.tables.map((table) => rowShape(table));
export const publicTables: readonly number[] = definition.tables.flatMap((table) =>
  table.public ? [table.tableId] : [],
);

export function shapeOf(tableId: number): RowShape {
  return shapes[tableId] as RowShape;
}

export class Mirror {
  readonly tables: ReadonlyMap<number, Map<Key, Row>>;
  /** How often each event was told, by its cry. */
  readonly cries = new Map<string, number>();
  /** Tables with changes that `takeChanged` has not given. */
  readonly #changed = new Set<number>();

  constructor(state: ClientState) {
    this.tables = new Map(publicTables.map((tableId) => [tableId, new Map<Key, Row>()]));
    for (const tableId of publicTables) this.#listen(state, tableId);
  }

  /** The rows that are there when it starts to listen. */
  begin(tableId: number, rows: readonly Row[]): void {
    const known = this.tables.get(tableId) as Map<Key, Row>;
    for (const row of rows) known.set(shapeOf(tableId).keyOf(row), row);
  }

  rows(tableId: number): ReadonlyMap<Key, Row> {
    return this.tables.get(tableId) as ReadonlyMap<Key, Row>;
  }

  takeChanged(): number[] {
    const changed = [...this.#changed];
    this.#changed.clear();
    return changed;
  }

  #listen(state: ClientState, tableId: number): void {
    const { table, equals, keyOf } = shapeOf(tableId);
    const rows = this.tables.get(tableId) as Map<Key, Row>;
    const handle = state.tables[table.accessor];
    const known = (row: Row, what: string): void => {
      const there = rows.get(keyOf(row));
      expectThat(
        there !== undefined && equals(there, row),
        () => `${what} of ${table.name} ${shown(row)}, where the app knows ${shown(there)}`,
      );
      this.#changed.add(tableId);
    };
    if (table.event) {
      handle?.onInsert((row: Row) => {
        const cry = String(row['cry']);
        this.cries.set(cry, (this.cries.get(cry) ?? 0) + 1);
      });
      return;
    }
    handle?.onInsert((row: Row) => {
      expectThat(!rows.has(keyOf(row)), () => `insert of ${table.name} ${shown(row)}, which the app knows`);
      this.#changed.add(tableId);
      rows.set(keyOf(row), row);
    });
    handle?.onUpdate((before: Row, after: Row) => {
      known(before, 'update');
      expectThat(!equals(before, after), () => `update of ${table.name} ${shown(after)}, which changes nothing`);
      rows.set(keyOf(after), after);
    });
    handle?.onDelete((row: Row) => {
      known(row, 'delete');
      rows.delete(keyOf(row));
    });
  }
}
