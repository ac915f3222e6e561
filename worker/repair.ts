/**
 * What is done about rows that are not the authority's: they are asked for anew, and the app is told what was wrong.
 *
 * Law: a client does not ask for everything again and again. When rows differ that were asked for anew a short while ago,
 * something else is wrong, and the app is told so.
 */

import type { RowChange } from '../core/commit/row-change.ts';
import type { Engine } from '../core/engine/engine.ts';
import type { Clock } from '../core/environment.ts';
import type { ReplicaDifference } from './client/host-api.ts';
import { toldRow } from './told-changes.ts';

export interface RepairOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  /** Asks for all rows anew. */
  readonly resync: () => void;
  readonly tell: (difference: ReplicaDifference) => void;
}

const restMs = 60_000;
const samplesMax = 20;

export class Repair {
  readonly #options: RepairOptions;
  #wrong: readonly number[] = [];
  #resyncedMs = Number.NEGATIVE_INFINITY;

  constructor(options: RepairOptions) {
    this.#options = options;
  }

  /** Rows of these tables are not the authority's. */
  begin(tableIds: readonly number[]): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#resyncedMs < restMs) {
      this.#options.tell({ tables: this.#names(tableIds), isRepaired: false, rowCount: 0, samples: [] });
      return;
    }
    this.#resyncedMs = nowMs;
    this.#wrong = tableIds;
    this.#options.resync();
  }

  /** All rows have come anew; these are the ones that are others now, also those that have changed in the meantime. */
  end(changes: readonly RowChange[]): void {
    const wrong = this.#wrong;
    if (wrong.length === 0) return;
    this.#wrong = [];
    const differing = changes.filter(({ tableId }) => wrong.includes(tableId));
    this.#options.tell({
      tables: this.#names(wrong),
      isRepaired: true,
      rowCount: differing.length,
      samples: differing.slice(0, samplesMax).map(({ tableId, before, after }) => ({
        table: this.#names([tableId]).join(),
        here: toldRow(before),
        there: toldRow(after),
      })),
    });
  }

  #names(tableIds: readonly number[]): string[] {
    return tableIds.map((tableId) => this.#options.engine.shape(tableId).table.accessor);
  }
}
