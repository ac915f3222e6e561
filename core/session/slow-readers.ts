/**
 * Sessions that read more slowly than others write. While more waits for such a session's network than it should, it is
 * sent no batches, and all that is remembered is the commit from which on it is behind; when its network has caught up, it
 * is sent their net as one batch.
 *
 * Laws: nothing is kept for a session that is behind but the outcomes of its own calls, its requests for subscriptions and
 * the net of what its views did, each bounded. The net is made for one session at a time, in steps between which calls go on. A session whose commits
 * are kept in memory no longer is let go, and comes back with its position.
 */

import type { Outcome, Seq } from '../commit/call.ts';
import type { Key, RowChange } from '../commit/row-change.ts';
import type { Engine } from '../engine/engine.ts';
import { ForerunError } from '../errors.ts';
import type { Environment } from '../environment.ts';
import { limits } from '../limits.ts';
import type { CommitBytes } from './fan-out.ts';
import type { MissedNet, NetCommitsOptions } from './net-commits.ts';
import type { RecentBatches } from './recent-batches.ts';
import type { SharedQuery } from './shared-query.ts';
import type { SubscriptionChange } from './subscriptions.ts';

/** What a session remembers while it is behind. */
export class Behind {
  /** The last commit that it has been sent what there was of. */
  readonly seq: Seq;
  readonly outcomes: Outcome[] = [];
  /** What it asks for meanwhile: it begins when the session has caught up. */
  readonly asked: SubscriptionChange[] = [];
  readonly #own = new Set<Seq>();
  readonly #viewTables: ReadonlySet<number>;
  readonly #views = new Map<number, Map<Key, RowChange>>();
  #viewRows = 0;

  /** `rows`: what it is sent. */
  constructor(seq: Seq, rows: readonly (QueriedRows | undefined)[]) {
    this.seq = seq;
    const sources = queriesOf(rows).flatMap(({ branches }) => branches.flatMap((plan) => plan.sources));
    this.#viewTables = new Set(
      sources.flatMap(({ table }) => (table.wireTableId === undefined ? [] : [table.tableId])),
    );
  }

  /** The net of what its views did: that is in no log. */
  *viewChanges(): Iterable<RowChange> {
    for (const ofTable of this.#views.values()) yield* ofTable.values();
  }

  /** Gives false when that is more than is kept. */
  viewsChanged(changes: readonly RowChange[]): boolean {
    for (const change of changes) {
      const { tableId, key } = change;
      if (!this.#viewTables.has(tableId)) continue;
      let ofTable = this.#views.get(tableId);
      if (ofTable === undefined) this.#views.set(tableId, (ofTable = new Map()));
      const known = ofTable.get(key);
      if (known === undefined) this.#viewRows++;
      ofTable.set(key, known === undefined ? change : { ...known, after: change.after });
    }
    return this.#viewRows <= limits.joinedNetRowsMax;
  }

  /** Bounded by `unansweredCallsMax`: no call counts as answered before its outcome is sent. */
  answer(outcomes: readonly Outcome[]): void {
    for (const outcome of outcomes) {
      this.outcomes.push(outcome);
      if (outcome.type === 'committed') this.#own.add(outcome.seq);
    }
  }

  isOwn(seq: Seq): boolean {
    return this.#own.has(seq);
  }

  ask(change: SubscriptionChange): void {
    if (this.asked.length >= 2 * limits.subscriptionsMax)
      throw new ForerunError(
        'limit-reached',
        `This connection reads nothing, and has asked for ${this.asked.length} changes of its subscriptions meanwhile. Read what it is sent.`,
      );
    this.asked.push(change);
  }
}

/** The rows in one of `plus` and in none of `minus`. */
export interface QueriedRows {
  readonly plus: readonly SharedQuery[];
  readonly minus: readonly SharedQuery[];
}

export interface SlowSession {
  readonly behind: Behind | undefined;
  readonly bufferedBytes: () => number;
  /** What it is sent batches of, and what is staged for a subscription. Neither changes while it is behind. */
  readonly audiences: () => { readonly main: QueriedRows | undefined; readonly staged: QueriedRows | undefined };
  /** It has what it lacked, and is sent batches again. Absent: there is nothing for it. */
  readonly caughtUp: (net: {
    readonly lastSeq: Seq;
    readonly main: CommitBytes | undefined;
    readonly staged: CommitBytes | undefined;
  }) => void;
  /** Ends the connection; its client comes back. */
  readonly letGo: () => void;
}

export interface SlowReadersOptions {
  readonly engine: Engine;
  readonly environment: Environment;
  readonly recent: RecentBatches;
  readonly durableSeq: () => Seq;
  readonly netOf: (options: Omit<NetCommitsOptions, 'engine'>, viewChanges: () => Iterable<RowChange>) => MissedNet;
}

/** Those who are behind are looked at again after so long. */
const lookMs = 50;
/** Log bytes of the batches that one step reads. */
const stepBytesMax = 262_144;
/** Of the bytes from which on a session is behind: with so few, it has caught up. */
const caughtUpShare = 0.25;

/** Too much waits for it, and the net of what it is sent can be made later. */
export function isSlow(session: SlowSession): boolean {
  if (session.bufferedBytes() <= limits.behindBufferedBytesMax) return false;
  const { main, staged } = session.audiences();
  return !queriesOf([main, staged]).some(needsEachCommit);
}

/** Who may see an event because of other rows is known only while it happens. */
export function needsEachCommit({ isJoined, table }: SharedQuery): boolean {
  return isJoined && table.event;
}

function queriesOf(rows: readonly (QueriedRows | undefined)[]): SharedQuery[] {
  return rows.flatMap((each) => (each === undefined ? [] : [...each.plus, ...each.minus]));
}

/** Whether a commit is one of those that these outcomes tell of. */
export function isCommitOf(outcomes: readonly Outcome[]): (seq: Seq) => boolean {
  const own = new Set(outcomes.map((outcome) => (outcome.type === 'committed' ? outcome.seq : undefined)));
  return (seq) => own.has(seq);
}

interface CatchingUp {
  readonly session: SlowSession;
  readonly main: MissedNet | undefined;
  readonly staged: MissedNet | undefined;
  /** All commits up to this one are in them. */
  seq: Seq;
}

export class SlowReaders {
  readonly #options: SlowReadersOptions;
  readonly #sessions = new Set<SlowSession>();
  #current: CatchingUp | undefined;
  #isLookAsked = false;

  constructor(options: SlowReadersOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#sessions.size;
  }

  /** The session is behind from now on. */
  add(session: SlowSession): void {
    this.#sessions.add(session);
    this.#lookSoon(lookMs);
  }

  /** A batch, whose commits were left out for those who are behind, has done this to views. */
  viewsChanged(changes: readonly RowChange[]): void {
    for (const session of this.#sessions) if (session.behind?.viewsChanged(changes) === false) this.#letGo(session);
  }

  /** The session has ended. */
  forget(session: SlowSession): void {
    this.#sessions.delete(session);
    if (this.#current?.session === session) this.#current = undefined;
  }

  #lookSoon(afterMs: number): void {
    if (this.#isLookAsked) return;
    this.#isLookAsked = true;
    this.#options.environment.scheduler.after(afterMs, () => {
      this.#isLookAsked = false;
      this.#look();
    });
  }

  #look(): void {
    this.#current ??= this.#begin();
    if (this.#current !== undefined) this.#step(this.#current);
    if (this.#sessions.size > 0) this.#lookSoon(this.#current === undefined ? lookMs : 0);
  }

  /** Whoever has waited longest of those that have caught up. */
  #begin(): CatchingUp | undefined {
    const { netOf } = this.#options;
    for (const session of this.#sessions) {
      const { behind } = session;
      if (behind === undefined || session.bufferedBytes() > caughtUpShare * limits.behindBufferedBytesMax) continue;
      const { main, staged } = session.audiences();
      const isOwn = (seq: Seq): boolean => behind.isOwn(seq);
      const net = (rows: QueriedRows | undefined, isOwnHere: (seq: Seq) => boolean): MissedNet | undefined =>
        rows &&
        netOf({ plus: rows.plus, minus: rows.minus, after: behind.seq, isOwn: isOwnHere }, () => behind.viewChanges());
      return { session, seq: behind.seq, main: net(main, isOwn), staged: net(staged, () => false) };
    }
    return undefined;
  }

  #step(current: CatchingUp): void {
    const { recent, durableSeq, engine } = this.#options;
    const { session, main, staged } = current;
    const lastSeq = durableSeq();
    // Who is subscribed to nothing lacks outcomes only.
    if (main === undefined && staged === undefined) current.seq = lastSeq;
    for (let bytes = 0; current.seq < lastSeq; ) {
      if (bytes > stepBytesMax) return;
      const batch = recent.next(current.seq, lastSeq, (tableId) => engine.shape(tableId));
      if (batch === undefined) return this.#letGo(session);
      main?.add(batch);
      staged?.add(batch);
      bytes += batch.bytes.length;
      current.seq = batch.commits.at(-1)?.seq ?? lastSeq;
    }
    if (main?.isTooMuch === true || staged?.isTooMuch === true) return this.#letGo(session);
    const [mainNet, stagedNet] = [main?.take(lastSeq), staged?.take(lastSeq)];
    if ((main !== undefined && mainNet === undefined) || (staged !== undefined && stagedNet === undefined))
      return this.#letGo(session);
    this.forget(session);
    session.caughtUp({ lastSeq, main: newsOf(mainNet), staged: newsOf(stagedNet) });
  }

  #letGo(session: SlowSession): void {
    this.forget(session);
    session.letGo();
  }
}

function newsOf(taken: ReturnType<MissedNet['take']>): CommitBytes | undefined {
  return taken?.isEmpty === false ? taken.commits : undefined;
}
