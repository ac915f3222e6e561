/**
 * Many commits as few, as `net-commits.ts` makes them, for queries that join tables or look at views: what a row is in
 * then follows from other rows too, so it is asked of all rows, as of the beginning and as of the end.
 *
 * The rows as of the end are those of the engine with what is not durable yet taken back, and the rows as of the
 * beginning are these with the net of what was missed taken back. So everything missed is looked at as one commit, by
 * the same steps as a single one when it is executed (`joined-queries.ts`).
 *
 * Laws: laid over the rows that an audience had at the beginning, what `take` gives makes exactly the rows that it has at
 * the end. No row is told that is not in the audience at the end as it is then: what an own commit wrote and another
 * one has written over since is left out.
 */

import { ByteWriter } from '../codec/bytes.ts';
import type { Seq } from '../commit/call.ts';
import type { Key, Row, RowChange } from '../commit/row-change.ts';
import { encodeLeave } from '../engine/change-codec.ts';
import { RowsAt } from '../query/join-walk.ts';
import { limits } from '../limits.ts';
import { beginCommit, type CommitBytes, encodeTurns } from './fan-out.ts';
import type { MissedNet, NetCommitsOptions } from './net-commits.ts';
import type { RecentBatch } from './recent-batches.ts';
import type { SharedQueries, SharedQuery } from './shared-query.ts';

export interface JoinedNetOptions extends NetCommitsOptions {
  readonly queries: SharedQueries;
  /** What views have done since the beginning, as far as it is durable, in order; at the time of `take`. */
  readonly viewChanges: () => Iterable<RowChange>;
  /** Changes that the engine has and that are not durable yet, oldest first; undefined while not all of them are known. */
  readonly undurable: () => readonly RowChange[] | undefined;
}

/** A row before the first and after the last of the changes. */
interface NetRow {
  readonly tableId: number;
  readonly key: Key;
  readonly before: Row | undefined;
  after: Row | undefined;
  /** The last change, as it is in its batch. */
  bytes: Uint8Array | undefined;
  isLastOwn: boolean;
  /** What the receiver has of it, once it has been told of its own commits. */
  held: Row | undefined;
}

interface WholeCommit {
  readonly seq: Seq;
  readonly timestampMicros: number;
  readonly changes: { readonly change: RowChange; readonly bytes: Uint8Array }[];
}

interface Told {
  readonly seq: Seq;
  readonly timestampMicros: number;
  count: number;
  readonly body: ByteWriter;
}

export class JoinedNet implements MissedNet {
  readonly #options: JoinedNetOptions;
  readonly #net = new Map<string, NetRow>();
  /** Of own commits all changes, of others the events. */
  readonly #whole: WholeCommit[] = [];
  /** Tables that some query looks at. */
  readonly #scope: ReadonlySet<number>;
  #lastOfOthers: { readonly seq: Seq; readonly timestampMicros: number } | undefined;
  #seq: Seq;
  /** It is known of all rows what they were. */
  #isKnown = true;

  constructor(options: JoinedNetOptions) {
    this.#options = options;
    this.#seq = options.after;
    const all = [...options.plus, ...options.minus].flatMap(({ branches }) => branches.flatMap((plan) => plan.sources));
    this.#scope = new Set(all.map(({ table }) => table.tableId));
  }

  get isTooMuch(): boolean {
    return !this.#isKnown || this.#net.size > limits.joinedNetRowsMax;
  }

  add({ commits, bytes, isBeforeKnown }: RecentBatch): void {
    for (const { seq, timestampMicros, changes, offsets } of commits) {
      if (seq <= this.#seq) continue;
      this.#seq = seq;
      const isOwn = this.#options.isOwn(seq);
      const whole: WholeCommit = { seq, timestampMicros, changes: [] };
      for (const [i, change] of changes.entries()) {
        if (!this.#scope.has(change.tableId)) continue;
        const encoded = bytes.subarray(offsets[i], offsets[i + 1]);
        const isEvent = this.#options.engine.shape(change.tableId).table.event;
        if (isOwn || isEvent) whole.changes.push({ change, bytes: encoded });
        if (isEvent) continue;
        if (!isBeforeKnown) this.#isKnown = false;
        this.#note(change, encoded, isOwn);
        if (!isOwn) this.#lastOfOthers = { seq, timestampMicros };
      }
      if (whole.changes.length > 0) this.#whole.push(whole);
    }
  }

  /** As of `lastSeq`, which is durable and up to which there are no other commits. Undefined: it can't be made. */
  take(lastSeq: Seq): { readonly commits: CommitBytes; readonly isEmpty: boolean } | undefined {
    const { engine, viewChanges } = this.#options;
    for (const change of viewChanges()) if (this.#scope.has(change.tableId)) this.#note(change, undefined, false);
    const later = this.#options.undurable();
    if (later === undefined || this.isTooMuch) return undefined;
    const changes: RowChange[] = [...this.#net.values()];
    const now = new RowsAt(engine, later);
    const before = new RowsAt(engine, [...changes, ...later]);
    for (const net of this.#net.values()) if (this.#isIn(net.tableId, net.before, before)) net.held = net.before;
    const told = this.#whole.map((commit) => this.#tellWhole(commit, now)).filter(({ count }) => count > 0);
    const turns = this.#tellNet(told, now);
    turns.push(...this.#turned(changes, before, now));
    return { commits: this.#encode(told, turns, lastSeq), isEmpty: told.length + turns.length === 0 };
  }

  #note({ tableId, key, before, after }: RowChange, bytes: Uint8Array | undefined, isOwn: boolean): void {
    const name = nameOf(tableId, key);
    const known = this.#net.get(name);
    if (known === undefined)
      this.#net.set(name, { tableId, key, before, after, bytes, isLastOwn: isOwn, held: undefined });
    else Object.assign(known, { after, bytes, isLastOwn: isOwn });
  }

  /** An own commit, or the events of another's. */
  #tellWhole({ seq, timestampMicros, changes }: WholeCommit, now: RowsAt): Told {
    const told: Told = { seq, timestampMicros, count: 0, body: new ByteWriter() };
    for (const { change, bytes } of changes) {
      const { tableId, key, after } = change;
      const net = this.#net.get(nameOf(tableId, key));
      const isFinal = net === undefined || this.#isSame(tableId, net.after, after);
      const is = isFinal && this.#isIn(tableId, after, now);
      if (!is && net?.held === undefined) continue;
      if (net !== undefined) net.held = is ? after : undefined;
      told.count++;
      if (is || after === undefined) told.body.raw(bytes);
      else encodeLeave(told.body, change, this.#options.engine.shape(tableId));
    }
    return told;
  }

  /** Puts what others have changed at the last of their commits. Gives what is in no commit: rows of views. */
  #tellNet(told: Told[], now: RowsAt): RowChange[] {
    const { engine } = this.#options;
    const turns: RowChange[] = [];
    const net: Told | undefined = this.#lastOfOthers && { ...this.#lastOfOthers, count: 0, body: new ByteWriter() };
    for (const row of this.#net.values()) {
      const { tableId, key, after, bytes, held } = row;
      const is = this.#isIn(tableId, after, now);
      if (is ? this.#isSame(tableId, held, after) : held === undefined) continue;
      const change = { tableId, key, before: undefined, after: is ? after : undefined };
      if (bytes === undefined || net === undefined || row.isLastOwn) turns.push(change);
      else {
        net.count++;
        if (is || after === undefined) net.body.raw(bytes);
        else encodeLeave(net.body, change, engine.shape(tableId));
      }
    }
    if (net === undefined || net.count === 0) return turns;
    const place = told.findLastIndex(({ seq }) => seq <= net.seq);
    const last = told[place];
    if (last?.seq === net.seq) {
      // The last commit of others has events too.
      last.body.raw(net.body.view());
      last.count += net.count;
    } else told.splice(place + 1, 0, net);
    return turns;
  }

  /** Rows that have entered or left because of their partners. */
  #turned(changes: readonly RowChange[], before: RowsAt, now: RowsAt): RowChange[] {
    const { plus, minus, queries } = this.#options;
    const asked = new Set<SharedQuery>([...plus, ...minus]);
    return queries.reachedBy(changes, before, now).flatMap(({ tableId, key, targets }) => {
      // Ephemeral rows have a way of their own.
      if (this.#options.engine.shape(tableId).table.ephemeral) return [];
      if (this.#net.has(nameOf(tableId, key)) || ![...targets].some((query) => asked.has(query))) return [];
      const row = now.row(tableId, key);
      const [was, is] = [this.#isIn(tableId, row, before), this.#isIn(tableId, row, now)];
      return was === is ? [] : [{ tableId, key, before: undefined, after: is ? row : undefined }];
    });
  }

  #encode(told: readonly Told[], turns: readonly RowChange[], lastSeq: Seq): CommitBytes {
    const writer = new ByteWriter();
    writer.varint(told.length);
    for (const each of told) {
      beginCommit(writer, each, lastSeq, each.count);
      writer.raw(each.body.view());
    }
    const shapeOf = (tableId: number) => this.#options.engine.shape(tableId);
    const encodedTurns = turns.length > 0 ? encodeTurns(turns, shapeOf) : undefined;
    return { lastSeq, list: writer.take(), turns: encodedTurns, message: undefined };
  }

  #isIn(tableId: number, row: Row | undefined, rows: RowsAt): boolean {
    if (row === undefined) return false;
    const holds = (query: SharedQuery): boolean => query.table.tableId === tableId && query.contains(row, rows);
    return this.#options.plus.some(holds) && !this.#options.minus.some(holds);
  }

  #isSame(tableId: number, a: Row | undefined, b: Row | undefined): boolean {
    return a === undefined || b === undefined ? a === b : this.#options.engine.equal(tableId, a, b);
  }
}

function nameOf(tableId: number, key: Key): string {
  return `${tableId} ${typeof key} ${String(key)}`;
}
