/**
 * A ship whose row is corrected does not jump: the difference between where it was shown and where it is fades. Turns do
 * not count, since a row that turns is, at that time, where the one before it was.
 */

import type { Ship } from './module.ts';
import { placeAt, type Point } from './world.ts';

const fadeMs = 110;
/** Smaller ones are not seen. */
const visibleUnits = 6;
/** Larger ones are no corrections: it came back elsewhere. */
export const jumpUnits = 260;

interface Shown {
  row: Ship;
  offset: Point;
}

export class Smoothing {
  /** Corrections that could be seen, of all ships and of the own one. */
  corrections = 0;
  ownCorrections = 0;
  readonly #shown = new Map<number, Shown>();

  place(row: Ship, timeMs: number, passedMs: number, isOwn: boolean): Point {
    const place = placeAt(row, timeMs);
    const shown = this.#shown.get(row.id);
    if (shown === undefined) {
      this.#shown.set(row.id, { row, offset: { x: 0, y: 0 } });
      return place;
    }
    if (shown.row !== row) {
      const before = placeAt(shown.row, timeMs);
      this.#correct(shown, before.x - place.x, before.y - place.y, isOwn);
      shown.row = row;
    }
    const rest = Math.exp(-passedMs / fadeMs);
    shown.offset = { x: shown.offset.x * rest, y: shown.offset.y * rest };
    return { x: place.x + shown.offset.x, y: place.y + shown.offset.y };
  }

  forget(isThere: (id: number) => boolean): void {
    for (const id of this.#shown.keys()) if (!isThere(id)) this.#shown.delete(id);
  }

  #correct(shown: Shown, x: number, y: number, isOwn: boolean): void {
    const distance = Math.hypot(x, y);
    if (distance > jumpUnits) {
      shown.offset = { x: 0, y: 0 };
      return;
    }
    if (distance > visibleUnits) {
      this.corrections++;
      if (isOwn) this.ownCorrections++;
    }
    const offset = { x: shown.offset.x + x, y: shown.offset.y + y };
    // Several in a row add up, but a ship is never shown further from where it is than a jump.
    const share = Math.min(1, jumpUnits / Math.max(1, Math.hypot(offset.x, offset.y)));
    shown.offset = { x: offset.x * share, y: offset.y * share };
  }
}
