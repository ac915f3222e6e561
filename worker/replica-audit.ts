/**
 * The client's part in proving that it holds the authority's rows: it counts the hash of each table that it has as a
 * whole from the rows themselves, a page at a time while nothing else is to be done, keeps it up to date with what is
 * confirmed, and compares it with the authority's whenever that tells its own. Now and then it reads all rows again, so
 * that a row which has become another one by itself is found too.
 *
 * Law: what is counted are confirmed rows. Where pending calls have put others, the ones beneath them count.
 */

import type { Seq } from '../core/commit/call.ts';
import type { Commit } from '../core/commit/commit.ts';
import { type Key, NetChanges, type Row } from '../core/commit/row-change.ts';
import type { Engine } from '../core/engine/engine.ts';
import type { Environment } from '../core/environment.ts';
import type { CheckMessage } from '../core/protocol/messages.ts';
import { TableHash } from '../core/replica/state-hash.ts';
import type { Predictor } from './predict/predictor.ts';

export interface ReplicaAuditOptions {
  readonly engine: Engine;
  readonly predictor: Predictor;
  readonly environment: Environment;
  /** These tables are not what the authority has. */
  readonly differs: (tableIds: readonly number[]) => void;
}

interface AuditedTable {
  readonly hash: TableHash;
  /** All rows have been read, and found right, at this time. */
  readMs: number;
}

/** Of the client there is one state; its hashes are as of that. */
const now = 0 as Seq;
/** Of what a call may have to wait for: a page takes a fraction of a millisecond, and a tenth of the time at most is spent on them. */
const pageRows = 100;
const pageDelayMs = 10;
/** So long after all rows have been read they are read again. */
const rereadMs = 60_000;
/** With more calls pending, finding the rows beneath them for each page would be felt. */
const pendingMax = 2_000;

export class ReplicaAudit {
  readonly #options: ReplicaAuditOptions;
  readonly #tables = new Map<number, AuditedTable>();
  #cancel: (() => void) | undefined;

  constructor(options: ReplicaAuditOptions) {
    this.#options = options;
  }

  /** These commits are about to be reconciled. */
  changing(commits: readonly Commit[]): void {
    if (this.#tables.size === 0) return;
    const { engine, predictor } = this.#options;
    const net = new NetChanges();
    for (const { changes } of commits) {
      for (const { tableId, key, after } of changes) {
        if (this.#tables.has(tableId)) net.add({ tableId, key, before: predictor.confirmedRow(tableId, key), after });
      }
    }
    for (const change of net.take((tableId, a, b) => engine.equal(tableId, a, b)))
      this.#tables.get(change.tableId)?.hash.changed(change, now);
  }

  /** The rows are others, whichever. */
  replaced(): void {
    this.#tables.clear();
  }

  /** What the authority has, as of the rows that are confirmed here. */
  check({ tables }: CheckMessage): void {
    const { predictor } = this.#options;
    const wrong: number[] = [];
    for (const { tableId, rows, sum } of tables) {
      const audited = this.#tables.get(tableId);
      if (audited === undefined) this.#count(tableId);
      const hash = audited?.hash.asOf(now);
      if (audited === undefined || hash === undefined) continue;
      predictor.counters.checked++;
      if (hash.rows !== rows || hash.sum !== sum) wrong.push(tableId);
      else if (this.#nowMs() - audited.readMs >= rereadMs) this.#count(tableId);
    }
    if (wrong.length === 0) return;
    predictor.counters.differences++;
    this.replaced();
    this.#options.differs(wrong);
  }

  close(): void {
    this.#cancel?.();
    this.#tables.clear();
  }

  #count(tableId: number): void {
    this.#tables.set(tableId, {
      hash: new TableHash(this.#options.engine.shape(tableId)),
      readMs: Number.POSITIVE_INFINITY,
    });
    this.#ask();
  }

  #ask(): void {
    this.#cancel ??= this.#options.environment.scheduler.after(pageDelayMs, () => {
      this.#cancel = undefined;
      this.#readPage();
    });
  }

  #readPage(): void {
    const { predictor } = this.#options;
    const audited = [...this.#tables.values()].find(({ hash }) => !hash.isCounted);
    if (audited === undefined) return;
    if (!predictor.isBusy && predictor.pending.size <= pendingMax) this.#read(audited);
    this.#ask();
  }

  #read(audited: AuditedTable): void {
    const { engine } = this.#options;
    const { hash } = audited;
    const { keyOf, table } = hash.shape;
    const store = engine.store(table.tableId);
    const rows = store.page(hash.lastKey, pageRows);
    const last = rows.length < pageRows ? undefined : rows.at(-1);
    const upTo = last && keyOf(last);
    hash.page(this.#confirmed(hash, store.asRead(rows), upTo), upTo, now);
    if (hash.isCounted) audited.readMs = this.#nowMs();
  }

  /** The page as it is beneath the pending calls. */
  #confirmed(hash: TableHash, rows: readonly Row[], upTo: Key | undefined): readonly Row[] {
    const { keyOf, table } = hash.shape;
    const beneath = new Map<Key, Row | undefined>();
    for (const { tableId, key, after } of this.#options.predictor.beneath())
      if (tableId === table.tableId && hash.isNext(key, upTo)) beneath.set(key, after);
    if (beneath.size === 0) return rows;
    const others = [...beneath.values()].filter((row) => row !== undefined);
    return [...rows.filter((row) => !beneath.has(keyOf(row))), ...others];
  }

  #nowMs(): number {
    return this.#options.environment.clock.monotonicMs();
  }
}
