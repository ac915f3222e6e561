/**
 * A live query of the builder: kept up to date row by row, and told to the page as the difference to what it has.
 *
 * Law: `#last` is what the page shows, in the same places.
 */

import { ByteWriter } from '../../core/codec/bytes.ts';
import { latin1Of } from '../../core/codec/key.ts';
import type { Engine } from '../../core/engine/engine.ts';
import { MaintainedQuery } from '../../core/query/maintained.ts';
import type { Tuple } from '../../core/query/order.ts';
import type { ResultPlan } from '../../core/query/result-plan.ts';
import type { Edit } from '../../core/query/window.ts';
import type { ResultShape, RowsUpdate, RowValues } from '../client/host-api.ts';
import { groups, partners } from '../late-code.ts';
import { valuesOf } from './row-values.ts';

export class BuilderQuery {
  readonly maintained: MaintainedQuery;
  readonly #columns: readonly string[];
  readonly #shape: ResultShape;
  #isShapeTold = false;
  readonly #writer = new ByteWriter();
  #last: Tuple[] | undefined;
  /** Tuples that stand for the same row as before may be other objects. */
  #isAnew = true;
  isStale = true;

  constructor(engine: Engine, plan: ResultPlan) {
    this.maintained = new MaintainedQuery(engine, plan, {
      groups: () => groups.code.Groups,
      partners: () => partners.code.Partners,
    });
    this.#columns = plan.rowType.fields.map(({ name }) => name);
    this.#shape = { columns: this.#columns, types: plan.rowType.fields.map(({ type }) => type) };
  }

  /** The rows may be any others now. */
  break(): void {
    this.maintained.break();
    this.#isAnew = true;
    this.isStale = true;
  }

  /** Brings it up to date; undefined when nothing differs. Throws `query-invalid` where SQLite is asked and refuses. */
  refresh(): RowsUpdate | undefined {
    this.isStale = false;
    this.maintained.refresh();
    const edits = this.maintained.takeEdits();
    if (edits !== undefined && this.#last !== undefined && !this.#isAnew) return this.#edited(this.#last, edits);
    const isAnew = this.#isAnew;
    this.#isAnew = false;
    return this.#differing(this.maintained.shown(), isAnew);
  }

  #edited(last: Tuple[], edits: readonly Edit[]): RowsUpdate | undefined {
    if (edits.length === 0) return undefined;
    // A tuple may have become another one in what is not selected.
    const known = this.maintained.plan.output.type === 'columns' ? [...last] : undefined;
    const places = new Int32Array(edits.length);
    const [gone, come]: [Tuple[], Tuple[]] = [[], []];
    for (const [i, { place, tuple }] of edits.entries()) {
      places[i] = tuple === undefined ? -1 - place : place;
      if (tuple === undefined) gone.push(...last.splice(place, 1));
      else {
        last.splice(place, 0, tuple);
        come.push(tuple);
      }
    }
    if (known !== undefined && this.#bringsBack(gone, come)) {
      this.#last = known;
      return this.#differing(last, false);
    }
    const fresh = come.map((tuple) => this.#valuesOf(tuple));
    return this.#update({ type: 'edits', places }, fresh);
  }

  /** Some of what has come stands for the same row as something that went. */
  #bringsBack(gone: readonly Tuple[], come: readonly Tuple[]): boolean {
    if (gone.length === 0 || come.length === 0) return false;
    const texts = new Set(gone.map((tuple) => this.#textOf(tuple)));
    return come.some((tuple) => texts.has(this.#textOf(tuple)));
  }

  #differing(next: readonly Tuple[], isAnew: boolean): RowsUpdate | undefined {
    const last = this.#last;
    if (last !== undefined && last.length === next.length && next.every((tuple, i) => tuple === last[i]))
      return undefined;
    const places = new Map((last ?? []).map((tuple, i) => [tuple, i] as const));
    const order = new Int32Array(next.length);
    const unknown: number[] = [];
    for (const [i, tuple] of next.entries()) {
      const place = places.get(tuple);
      if (place === undefined) unknown.push(i);
      else places.delete(tuple);
      order[i] = place ?? -1;
    }
    if (places.size > 0 && (isAnew || this.maintained.plan.output.type === 'columns'))
      this.#findEqual(places, next, unknown, order);
    const fresh = unknown.filter((i) => order[i] === -1).map((i) => this.#valuesOf(next[i] as Tuple));
    this.#last = [...next];
    const isSame = last?.length === next.length && order.every((place, i) => place === i);
    return isSame ? undefined : this.#update({ type: 'order', places: order }, fresh);
  }

  /** A row that comes with the values of one that went is that one. */
  #findEqual(
    gone: ReadonlyMap<Tuple, number>,
    next: readonly Tuple[],
    unknown: readonly number[],
    order: Int32Array,
  ): void {
    const places = new Map<string, number[]>();
    for (const [tuple, place] of gone) {
      const key = this.#textOf(tuple);
      const known = places.get(key);
      if (known === undefined) places.set(key, [place]);
      else known.unshift(place);
    }
    for (const i of unknown) {
      const place = places.get(this.#textOf(next[i] as Tuple))?.pop();
      if (place !== undefined) order[i] = place;
    }
  }

  #textOf(tuple: Tuple): string {
    this.#writer.reset();
    this.maintained.codec.encode(this.#writer, this.maintained.rowOf(tuple));
    return latin1Of(this.#writer.view());
  }

  #valuesOf(tuple: Tuple): RowValues {
    return valuesOf(this.#columns, this.maintained.rowOf(tuple));
  }

  #update(change: RowsUpdate['change'], fresh: readonly RowValues[]): RowsUpdate {
    if (this.#isShapeTold) return { change, fresh };
    this.#isShapeTold = true;
    return { shape: this.#shape, change, fresh };
  }
}
