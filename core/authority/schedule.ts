/**
 * Scheduled tables: when each of their rows is due, and the calls of their reducers that follow.
 *
 * Laws: the schedule is derived from the rows, so deleting a row cancels it, changing its time moves it, and a restart
 * finds them all. A row with a time runs once, and its deletion is part of the commit of that run, so that a stop at any
 * moment leaves either both or neither. A row with an interval is due one interval after it was inserted (or the
 * authority started), and then on the grid of that moment: a run that comes late does not shift the ones after it.
 */

import type { Key, Row, RowChange } from '../commit/row-change.ts';
import type { Engine } from '../engine/engine.ts';
import type { Environment } from '../environment.ts';
import { limits } from '../limits.ts';
import type { ReducerDefinition, TableDefinition } from '../module/definition.ts';
import type { Identity } from '../value/identity.ts';
import type { ScheduleAt } from '../value/schedule-at.ts';
import type { DatabaseCalls } from './database-calls.ts';
import { type Due, DueQueue } from './due-queue.ts';

export interface ScheduleHome {
  readonly engine: Engine;
  readonly environment: Environment;
  readonly databaseIdentity: Identity;
  readonly calls: DatabaseCalls;
  /** While it is true nothing is run; `resume` is called when it is over. */
  readonly isPaused: () => boolean;
}

interface ScheduledTable {
  readonly table: TableDefinition;
  readonly reducerId: number;
  /** Name of the reducer's one parameter. */
  readonly param: string;
  /** Field of the time. */
  readonly at: string;
  readonly rows: Map<Key, ScheduledRow>;
}

interface ScheduledRow extends Due {
  readonly of: ScheduledTable;
  readonly key: Key;
  readonly at: ScheduleAt;
  /** Undefined: it runs once. */
  readonly intervalMs: number | undefined;
}

/** Timers are set anew at least so often: the wall clock may be set in between, and no timer is longer than 24 days. */
const sleepMsMax = 60_000;
/** Calls of clients get their turn after so many runs, or so much time. */
const runsPerTurnMax = 256;
const turnMsMax = 8;

export class Schedule {
  readonly #home: ScheduleHome;
  readonly #tables = new Map<number, ScheduledTable>();
  /** By the clock that never goes back: an interval stays one when the wall clock is set. */
  readonly #intervals = new DueQueue<ScheduledRow>();
  /** By the wall clock. */
  readonly #times = new DueQueue<ScheduledRow>();
  #order = 0;
  #cancelTimer: (() => void) | undefined;
  /** When the timer goes off, by the clock that never goes back. */
  #timerMs: number = Number.POSITIVE_INFINITY;
  #isRunning = false;

  constructor(home: ScheduleHome) {
    this.#home = home;
    const { tables, reducers } = home.engine.definition;
    for (const reducer of reducers) {
      const table = reducer.scheduledTableId === undefined ? undefined : tables[reducer.scheduledTableId];
      const at = table?.columns.find(({ type }) => type.type === 'scheduleAt')?.field;
      const param = reducer.params.fields[0]?.name;
      if (table === undefined || at === undefined || param === undefined) continue;
      this.#tables.set(table.tableId, { table, reducerId: reducer.reducerId, param, at, rows: new Map() });
    }
  }

  /** Takes the rows as they are, and begins to run them. */
  start(): void {
    this.#isRunning = true;
    this.resync();
    this.resume();
  }

  stop(): void {
    this.#isRunning = false;
    this.#clearTimer();
  }

  /** What a call changed. */
  note(changes: readonly RowChange[]): void {
    if (this.#tables.size === 0) return;
    let isOurs = false;
    for (const { tableId, key, after } of changes) {
      const table = this.#tables.get(tableId);
      if (table === undefined) continue;
      isOurs = true;
      this.#set(table, key, after);
    }
    if (isOurs) this.#setTimer();
  }

  /** The rows are others than `note` has told: those that are as they were keep their times. */
  resync(): void {
    for (const table of this.#tables.values()) {
      const { keyOf } = this.#home.engine.shape(table.table.tableId);
      const keys = new Set<Key>();
      for (const row of this.#home.engine.rows(table.table.tableId)) {
        const key = keyOf(row);
        keys.add(key);
        this.#set(table, key, row);
      }
      for (const key of table.rows.keys()) if (!keys.has(key)) this.#set(table, key, undefined);
    }
  }

  resume(): void {
    this.#setTimer();
  }

  #set(table: ScheduledTable, key: Key, row: Row | undefined): void {
    const known = table.rows.get(key);
    const at = row?.[table.at] as ScheduleAt | undefined;
    if (known !== undefined) {
      if (at !== undefined && isSameTime(known.at, at)) return;
      table.rows.delete(key);
      this.#queueOf(known).drop(known);
    }
    if (at === undefined) return;
    const intervalMs =
      at.tag === 'Interval' ? Math.max(Number(at.value.micros) / 1_000, limits.scheduleIntervalMsMin) : undefined;
    const dueMs =
      at.tag === 'Interval'
        ? this.#home.environment.clock.monotonicMs() + (intervalMs as number)
        : Number(at.value.microsSinceUnixEpoch) / 1_000;
    const scheduled = { of: table, key, at, intervalMs, dueMs, order: this.#order++, isWanted: true };
    table.rows.set(key, scheduled);
    this.#queueOf(scheduled).add(scheduled);
  }

  #queueOf({ intervalMs }: ScheduledRow): DueQueue<ScheduledRow> {
    return intervalMs === undefined ? this.#times : this.#intervals;
  }

  #setTimer(): void {
    if (!this.#isRunning || this.#home.isPaused()) return this.#clearTimer();
    const { clock, scheduler } = this.#home.environment;
    const nowMs = clock.monotonicMs();
    const time = this.#times.first;
    const waitMs = Math.min(
      (this.#intervals.first?.dueMs ?? Number.POSITIVE_INFINITY) - nowMs,
      time === undefined ? Number.POSITIVE_INFINITY : time.dueMs - clock.now(),
    );
    if (waitMs === Number.POSITIVE_INFINITY) return this.#clearTimer();
    // Homes count whole milliseconds, and one too early is one in vain.
    const sleepMs = Math.ceil(Math.min(Math.max(waitMs, 0), sleepMsMax));
    if (this.#cancelTimer !== undefined && this.#timerMs <= nowMs + sleepMs) return;
    this.#clearTimer();
    this.#timerMs = nowMs + sleepMs;
    this.#cancelTimer = scheduler.after(sleepMs, () => {
      this.#cancelTimer = undefined;
      this.#runDue();
    });
  }

  #clearTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #runDue(): void {
    const { clock } = this.#home.environment;
    const startedMs = clock.monotonicMs();
    for (let runs = 0; runs < runsPerTurnMax && clock.monotonicMs() - startedMs <= turnMsMax; runs++) {
      if (this.#home.isPaused()) break;
      const due = this.#takeDue();
      if (due === undefined) break;
      if (due.intervalMs === undefined) this.#runOnce(due);
      else this.#run(due);
    }
    this.#setTimer();
  }

  /** The row that has been due for longest, with its next time set if it has one. */
  #takeDue(): ScheduledRow | undefined {
    const { clock } = this.#home.environment;
    const time = this.#times.first;
    const interval = this.#intervals.first;
    const timeLateMs = time === undefined ? -1 : clock.now() - time.dueMs;
    const nowMs = clock.monotonicMs();
    const intervalLateMs = interval === undefined ? -1 : nowMs - interval.dueMs;
    if (Math.max(timeLateMs, intervalLateMs) < 0) return undefined;
    if (timeLateMs >= intervalLateMs) {
      this.#times.takeFirst();
      return time;
    }
    this.#intervals.takeFirst();
    if (interval !== undefined) {
      interval.dueMs = nextDueMs(interval, nowMs, this.#reducer(interval.of));
      this.#intervals.add(interval);
    }
    return interval;
  }

  #run(due: ScheduledRow, complete?: (changes: readonly RowChange[]) => readonly RowChange[]): boolean {
    const { param, table } = due.of;
    const row = this.#home.engine.row(table.tableId, due.key);
    if (row === undefined) return true;
    const rejection = this.#home.calls.run({
      reducer: this.#reducer(due.of),
      args: { [param]: row },
      sender: this.#home.databaseIdentity,
      connectionId: null,
      ...(complete !== undefined && { complete }),
    });
    return rejection === undefined;
  }

  /** Whatever comes of it, the row is gone afterwards, unless the run has given it another time. */
  #runOnce(due: ScheduledRow): void {
    const { table } = due.of;
    due.of.rows.delete(due.key);
    if (this.#run(due, (changes) => this.#withDeletion(due, changes))) return;
    const changes = this.#withDeletion(due, []);
    if (changes.length > 0) this.#home.calls.change(this.#reducer(due.of), this.#home.databaseIdentity, changes);
    else this.#set(due.of, due.key, this.#home.engine.row(table.tableId, due.key));
  }

  /** Its code may be another one than at the start. */
  #reducer({ reducerId }: ScheduledTable): ReducerDefinition {
    return this.#home.engine.definition.reducers[reducerId] as ReducerDefinition;
  }

  #withDeletion({ of, key, at }: ScheduledRow, changes: readonly RowChange[]): readonly RowChange[] {
    const { tableId } = of.table;
    const { engine } = this.#home;
    const row = engine.row(tableId, key);
    if (row === undefined || !isSameTime(row[of.at] as ScheduleAt, at)) return changes;
    const own = changes.find((change) => change.tableId === tableId && change.key === key);
    const before = own === undefined ? row : own.before;
    const deletion = { tableId, key, before, after: undefined };
    engine.apply([deletion]);
    const others = changes.filter((change) => change !== own);
    // Inserted and deleted by one call, it never was.
    return before === undefined ? others : [...others, deletion];
  }
}

/** The next time on the row's grid. What is missed beyond the bound is skipped even by those who catch up. */
function nextDueMs({ dueMs, intervalMs = 1 }: ScheduledRow, nowMs: number, { whenLate }: ReducerDefinition): number {
  const missed = Math.floor((nowMs - dueMs) / intervalMs);
  const skipped = whenLate === 'skip' ? missed : Math.max(0, missed - limits.catchUpRunsMax);
  return dueMs + (skipped + 1) * intervalMs;
}

function isSameTime(a: ScheduleAt, b: ScheduleAt): boolean {
  if (a.tag === 'Interval') return b.tag === 'Interval' && a.value.micros === b.value.micros;
  return b.tag === 'Time' && a.value.microsSinceUnixEpoch === b.value.microsSinceUnixEpoch;
}
