/**
 * The authority's part in proving that replicas hold its rows: a hash of each table that some session is subscribed to
 * as a whole, kept up to date with what becomes durable, and sent to those sessions every few seconds.
 *
 * Law: a check is sent between batches, and is of the rows as of the last one. Under a load of changes at which counting
 * them would be felt, there are no checks: hashes are dropped, and counted anew when there is time.
 */

import type { Authority } from '../authority/authority.ts';
import type { DurableBatch } from '../authority/batch.ts';
import type { Environment } from '../environment.ts';
import { limits } from '../limits.ts';
import type { CheckMessage } from '../protocol/messages.ts';
import { isTrue } from '../query/expression.ts';
import { TableHash } from '../replica/state-hash.ts';
import { type CheckedSession, FilteredChecks } from './filtered-checks.ts';
import type { SharedQuery } from './shared-query.ts';

export interface StateChecksOptions {
  readonly authority: Authority;
  readonly environment: Environment;
  readonly sessions: () => Iterable<CheckedSession>;
}

export class StateChecks {
  readonly #options: StateChecksOptions;
  readonly #hashes = new Map<number, TableHash>();
  readonly #filtered: FilteredChecks;
  /** Since the last check. */
  #changes = 0;
  #cancel: (() => void) | undefined;

  constructor(options: StateChecksOptions) {
    this.#options = options;
    this.#filtered = new FilteredChecks(options);
  }

  /** There is a session to be checked; when there is none any more, this stops by itself. */
  start(): void {
    this.#cancel ??= this.#options.environment.scheduler.after(limits.stateCheckMs, () => this.#check());
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#clear();
  }

  durable(batch: DurableBatch): void {
    this.#filtered.durable(batch);
    if (this.#hashes.size === 0 || batch.commitCount === 0) return;
    for (const { seq, changes } of batch.commits) {
      this.#changes += changes.length;
      for (const change of changes) this.#hashes.get(change.tableId)?.changed(change, seq);
    }
    for (const hash of this.#hashes.values()) hash.reached(batch.lastSeq);
    if (this.#changes > limits.checkedChangesMax) this.#hashes.clear();
  }

  /** The sessions have been sent the batch. */
  distributed(): void {
    this.#filtered.distributed();
  }

  /** Rows that were counted may have been taken back. */
  unavailable(): void {
    this.#clear();
  }

  #clear(): void {
    this.#hashes.clear();
    this.#filtered.clear();
  }

  #check(): void {
    this.#cancel = undefined;
    const sessions = [...this.#options.sessions()];
    if (sessions.length === 0) return this.#clear();
    const wanted = new Set(sessions.flatMap((session) => wholeTablesOf(session.checkedQueries())));
    for (const tableId of this.#hashes.keys()) if (!wanted.has(tableId)) this.#hashes.delete(tableId);
    for (const session of sessions) {
      const message = this.#message(wholeTablesOf(session.checkedQueries()));
      if (message !== undefined) session.send(message);
    }
    this.#changes = 0;
    this.#filtered.tick();
    for (const tableId of wanted) if (!this.#hashes.has(tableId)) this.#count(tableId);
    this.start();
  }

  #message(tableIds: readonly number[]): CheckMessage | undefined {
    const { durableSeq } = this.#options.authority;
    const tables = tableIds.flatMap((tableId) => {
      const hash = this.#hashes.get(tableId)?.asOf(durableSeq);
      return hash === undefined ? [] : [{ tableId, ...hash }];
    });
    return tables.length === 0 ? undefined : { type: 'check', seq: durableSeq, tables };
  }

  #count(tableId: number): void {
    const { engine } = this.#options.authority;
    const { event, ephemeral } = engine.shape(tableId).table;
    if (event || ephemeral) return;
    const hash = new TableHash(engine.shape(tableId));
    hash.reached(this.#options.authority.durableSeq);
    this.#hashes.set(tableId, hash);
    this.#readPage(hash);
  }

  #readPage(hash: TableHash): void {
    const { authority, environment } = this.#options;
    const { tableId } = hash.shape.table;
    authority.betweenBatches(() => {
      if (this.#hashes.get(tableId) !== hash) return;
      const rows = authority.engine.store(tableId).page(hash.lastKey, limits.snapshotChunkRows);
      const last = rows.length < limits.snapshotChunkRows ? undefined : rows.at(-1);
      hash.page(rows, last && hash.shape.keyOf(last), authority.executedSeq);
      if (!hash.isCounted) environment.scheduler.after(0, () => this.#readPage(hash));
    });
  }
}

/** Tables of which some of these queries hold every row, whoever asks. */
export function wholeTablesOf(queries: readonly SharedQuery[]): number[] {
  // Rows of views are everyone's own.
  const whole = queries.filter(
    ({ branches, table }) =>
      table.wireTableId === undefined && branches.some(({ sources, where }) => sources.length === 1 && isTrue(where)),
  );
  return [...new Set(whole.map(({ table }) => table.tableId))];
}
