/**
 * Many commits as few: each key that others have changed once, as it is in the end; the receiver's own commits whole, so
 * that it can tell whether they did what it had predicted; and events, each of which counts.
 *
 * Law: laid over the rows that an audience had after the commits up to `after`, what `take` gives makes exactly the rows
 * that all the commits would have made. The changes of others stand at the last of their commits, and own commits and
 * events at their own places: what was changed last, whoever changed it, comes last.
 */

import { ByteWriter } from '../codec/bytes.ts';
import type { Seq } from '../commit/call.ts';
import type { Key, Row, RowChange } from '../commit/row-change.ts';
import { encodeLeave } from '../engine/change-codec.ts';
import type { Engine } from '../engine/engine.ts';
import { beginCommit, type CommitBytes } from './fan-out.ts';
import type { RecentBatch } from './recent-batches.ts';
import type { SharedQuery } from './shared-query.ts';

/** What was missed, added batch by batch, and then taken as one. */
export interface MissedNet {
  readonly add: (batch: RecentBatch) => void;
  /** As of `lastSeq`, up to which there are no other commits. Undefined: it can't be made. */
  readonly take: (lastSeq: Seq) => { readonly commits: CommitBytes; readonly isEmpty: boolean } | undefined;
  /** There is no use in going on. */
  readonly isTooMuch: boolean;
}

export interface NetCommitsOptions {
  readonly engine: Engine;
  /** The rows wanted are in one of these … */
  readonly plus: readonly SharedQuery[];
  /** … and in none of these. Of `NetCommits`, none of either joins tables or looks at a view. */
  readonly minus: readonly SharedQuery[];
  /** Commits up to this one count for nothing. */
  readonly after: Seq;
  /** Commits of the receiver's own. */
  readonly isOwn: (seq: Seq) => boolean;
}

interface ToldCommit {
  readonly seq: Seq;
  readonly timestampMicros: number;
  changeCount: number;
  readonly body: ByteWriter;
}

interface NetChange {
  readonly before: Row | undefined;
  readonly isBeforeKnown: boolean;
  after: Row | undefined;
  /** The last change, as it is in its batch. */
  bytes: Uint8Array;
  isOfOthers: boolean;
  /** A commit that is told whole has it as well. */
  isToldOtherwise: boolean;
}

export class NetCommits implements MissedNet {
  readonly #options: NetCommitsOptions;
  readonly #net = new Map<number, Map<Key, NetChange>>();
  /** Own commits, and the events of others. */
  readonly isTooMuch = false;
  readonly #whole: ToldCommit[] = [];
  #lastOfOthers: { readonly seq: Seq; readonly timestampMicros: number } | undefined;
  #seq: Seq;

  constructor(options: NetCommitsOptions) {
    this.#options = options;
    this.#seq = options.after;
  }

  /** All commits up to this one are in it. */
  get seq(): Seq {
    return this.#seq;
  }

  /** The batches are added in order. */
  add({ commits, bytes, isBeforeKnown }: RecentBatch): void {
    const { engine, isOwn } = this.#options;
    for (const { seq, timestampMicros, changes, offsets } of commits) {
      if (seq <= this.#seq) continue;
      this.#seq = seq;
      const own = isOwn(seq);
      const told: ToldCommit = { seq, timestampMicros, changeCount: 0, body: new ByteWriter() };
      for (const [i, change] of changes.entries()) {
        if (!this.#isAsked(change.tableId)) continue;
        const encoded = bytes.subarray(offsets[i], offsets[i + 1]);
        const isEvent = engine.shape(change.tableId).table.event;
        const isTold = (own || isEvent) && this.#tell(told, change, encoded, isBeforeKnown);
        if (isEvent) continue;
        this.#note(change, encoded, isBeforeKnown, own, isTold);
        if (!own) this.#lastOfOthers = { seq, timestampMicros };
      }
      if (told.changeCount > 0) this.#whole.push(told);
    }
  }

  /** As of `lastSeq`, up to which there are no other commits. */
  take(lastSeq: Seq): { readonly commits: CommitBytes; readonly isEmpty: boolean } {
    this.#placeNet();
    const writer = new ByteWriter();
    writer.varint(this.#whole.length);
    for (const told of this.#whole) {
      beginCommit(writer, told, lastSeq, told.changeCount);
      writer.raw(told.body.view());
    }
    const commits = { lastSeq, list: writer.take(), turns: undefined, message: undefined };
    return { commits, isEmpty: this.#whole.length === 0 };
  }

  #note(change: RowChange, bytes: Uint8Array, isBeforeKnown: boolean, isOwn: boolean, isTold: boolean): void {
    const { tableId, key, before, after } = change;
    let ofTable = this.#net.get(tableId);
    if (ofTable === undefined) this.#net.set(tableId, (ofTable = new Map()));
    const known = ofTable.get(key);
    if (known === undefined) {
      ofTable.set(key, { before, isBeforeKnown, after, bytes, isOfOthers: !isOwn, isToldOtherwise: isTold });
      return;
    }
    known.after = after;
    known.bytes = bytes;
    known.isOfOthers ||= !isOwn;
    known.isToldOtherwise ||= isTold;
  }

  /** Gives whether it is anything to the audience. */
  #tell(told: ToldCommit, change: RowChange, bytes: Uint8Array, isBeforeKnown: boolean): boolean {
    const { tableId, before, after } = change;
    const is = this.#isIn(tableId, after);
    const isEvent = this.#options.engine.shape(tableId).table.event;
    if (!is && (isEvent || (isBeforeKnown && !this.#isIn(tableId, before)))) return false;
    this.#write(told, change, bytes, is);
    return true;
  }

  #placeNet(): void {
    const last = this.#lastOfOthers;
    if (last === undefined) return;
    const net: ToldCommit = { ...last, changeCount: 0, body: new ByteWriter() };
    for (const [tableId, ofTable] of this.#net) {
      for (const [key, change] of ofTable) {
        const { before, after, bytes } = change;
        const is = this.#isIn(tableId, after);
        if (change.isOfOthers && this.#isNews(tableId, change, is))
          this.#write(net, { tableId, key, before, after }, bytes, is);
      }
    }
    if (net.changeCount === 0) return;
    let at = this.#whole.length;
    while (at > 0 && (this.#whole[at - 1] as ToldCommit).seq > last.seq) at--;
    const before = this.#whole[at - 1];
    if (before?.seq !== last.seq) this.#whole.splice(at, 0, net);
    else {
      // The last commit of others has events too.
      before.body.raw(net.body.view());
      before.changeCount += net.changeCount;
    }
    this.#lastOfOthers = undefined;
  }

  #isNews(tableId: number, { before, isBeforeKnown, after, isToldOtherwise }: NetChange, is: boolean): boolean {
    if (isToldOtherwise || !isBeforeKnown) return true;
    const was = this.#isIn(tableId, before);
    if (!was || !is || before === undefined || after === undefined) return was || is;
    return !this.#options.engine.equal(tableId, before, after);
  }

  #write(told: ToldCommit, change: RowChange, bytes: Uint8Array, is: boolean): void {
    told.changeCount++;
    if (is || change.after === undefined) told.body.raw(bytes);
    else encodeLeave(told.body, change, this.#options.engine.shape(change.tableId));
  }

  #isAsked(tableId: number): boolean {
    return this.#options.plus.some(({ table }) => table.tableId === tableId);
  }

  #isIn(tableId: number, row: Row | undefined): boolean {
    if (row === undefined) return false;
    const holds = (query: SharedQuery): boolean => query.table.tableId === tableId && query.containsAlone(row);
    return this.#options.plus.some(holds) && !this.#options.minus.some(holds);
  }
}
