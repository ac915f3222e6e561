/**
 * What views have for their viewers. For each viewer of a view, and once for all of an anonymous one, there is an
 * instance while somebody is subscribed to it: a table of the engine that is in no definition. A query over a view is
 * made one over its viewer's instance, and is from there on like any other.
 *
 * Law: whenever a batch is sealed, an instance has exactly the rows that its view has for its viewer as of that batch;
 * one whose view fails has none.
 */

import type { Key, Row, RowChange } from '../commit/row-change.ts';
import type { Engine } from '../engine/engine.ts';
import type { RowShape } from '../engine/row-shape.ts';
import type { Clock } from '../environment.ts';
import { ForerunError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { ModuleDefinition, TableDefinition, ViewDefinition } from '../module/definition.ts';
import { scanPage } from '../query/page-scan.ts';
import type { QueryPlan } from '../query/plan.ts';
import type { Identity } from '../value/identity.ts';
import { ReadIndex } from './read-index.ts';
import { SharedQueries, type SharedQuery } from './shared-query.ts';
import { checkRowCount, ViewRunner } from './view-run.ts';

export interface ViewInstancesOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  /** Is told what a view threw, whole. */
  readonly viewFailed: (view: string, error: unknown) => void;
}

interface Instance {
  readonly key: string;
  readonly view: ViewDefinition;
  readonly sender: Identity | undefined;
  readonly shape: RowShape;
  /** Of its rows, so that they need not be looked for. */
  readonly keys: Set<Key>;
  uses: number;
  /** The query that it was given by a builder view. */
  source: SharedQuery | undefined;
  /** Rows of the source that have changed since the last batch. */
  readonly pending: Map<Key, Row | undefined>;
  failure: unknown;
}

export class ViewInstances {
  readonly #engine: Engine;
  readonly #runner: ViewRunner;
  readonly #viewFailed: ViewInstancesOptions['viewFailed'];
  readonly #instances = new Map<string, Instance>();
  readonly #byTable = new Map<number, Instance>();
  readonly #reads = new ReadIndex<Instance>();
  readonly #sources: SharedQueries;
  readonly #bySource = new Map<SharedQuery, Set<Instance>>();
  readonly #dirty = new Set<Instance>();
  readonly #pending = new Set<Instance>();
  /** Names in SQL that are free again, by view. */
  readonly #freeNames = new Map<string, string[]>();
  #named = 0;
  #definition: ModuleDefinition;

  constructor({ engine, clock, viewFailed }: ViewInstancesOptions) {
    this.#engine = engine;
    this.#runner = new ViewRunner(engine, clock);
    this.#sources = new SharedQueries(engine);
    this.#viewFailed = viewFailed;
    this.#definition = engine.definition;
  }

  get size(): number {
    return this.#instances.size;
  }

  /** The plan over what its views have for this viewer; `release` gives that back. Throws `query-invalid` for a view that fails. */
  bind(plan: QueryPlan, sender: Identity): QueryPlan {
    if (plan.sources.every(({ table }) => table.view === undefined)) return plan;
    const taken: Instance[] = [];
    try {
      const sources = plan.sources.map(({ table, alias }) => {
        if (table.view === undefined) return { table, alias };
        const instance = this.#take(table, sender);
        taken.push(instance);
        return { table: instance.shape.table, alias };
      });
      return { ...plan, sources };
    } catch (error) {
      for (const instance of taken) this.#release(instance);
      throw error;
    }
  }

  /** Of a plan that `bind` gave; what visibility has added to it since looks at no view. */
  release({ sources }: QueryPlan): void {
    for (const { table } of sources) {
      const instance = this.#byTable.get(table.tableId);
      if (instance !== undefined) this.#release(instance);
    }
  }

  /** These changes have just been executed, as one commit. */
  executed(changes: readonly RowChange[]): void {
    if (this.#instances.size === 0) return;
    for (const change of changes) {
      this.#reads.seenBy(change, (instance) => this.#dirty.add(instance));
      this.#sources.match(change, (query, before, after) =>
        this.#sourceChanged(query, before ? change.before : undefined, after ? change.after : undefined),
      );
    }
    for (const { query, tableId, key, before, after, row } of this.#sources.executed(changes)) {
      const own = changes.find((change) => change.tableId === tableId && change.key === key);
      const was = own === undefined ? row : own.before;
      this.#sourceChanged(query, before ? was : undefined, after ? row : undefined);
    }
  }

  /** What that comes to, when the engine has the rows of a whole batch. */
  sealing(): RowChange[] {
    if (this.#definition !== this.#engine.definition) {
      this.#definition = this.#engine.definition;
      for (const instance of this.#instances.values()) this.#dirty.add(instance);
    }
    const changes: RowChange[] = [];
    for (const instance of this.#pending) {
      if (!this.#dirty.has(instance)) changes.push(...this.#write(instance, instance.pending));
      instance.pending.clear();
      if (instance.keys.size > limits.viewRowsMax) this.#dirty.add(instance);
    }
    this.#pending.clear();
    for (const instance of this.#dirty) {
      const rows = new Map<Key, Row | undefined>(this.#compute(instance));
      for (const key of instance.keys) if (!rows.has(key)) rows.set(key, undefined);
      changes.push(...this.#write(instance, rows));
    }
    this.#dirty.clear();
    return changes;
  }

  #write({ shape, keys }: Instance, rows: ReadonlyMap<Key, Row | undefined>): RowChange[] {
    const { tableId } = shape.table;
    for (const [key, row] of rows) {
      if (row === undefined) keys.delete(key);
      else keys.add(key);
    }
    return this.#engine.apply([...rows].map(([key, after]) => ({ tableId, key, before: undefined, after })));
  }

  #take(table: TableDefinition, viewer: Identity): Instance {
    const view = this.#viewOf(table);
    const sender = view.anonymous ? undefined : viewer;
    const key = sender === undefined ? view.name : `${view.name} ${sender.toHexString()}`;
    const known = this.#instances.get(key);
    if (known?.failure !== undefined && !this.#dirty.has(known)) throw refusal(view);
    const instance = known ?? this.#add(key, view, table, sender);
    instance.uses++;
    return instance;
  }

  #add(key: string, view: ViewDefinition, table: TableDefinition, sender: Identity | undefined): Instance {
    const name = this.#freeNames.get(view.name)?.pop() ?? `_${view.name}_${++this.#named}`;
    const { shape } = this.#engine.addTable(this.#engine.shape(table.tableId), name);
    const instance: Instance = {
      key,
      view,
      sender,
      shape,
      keys: new Set(),
      uses: 0,
      source: undefined,
      pending: new Map(),
      failure: undefined,
    };
    this.#instances.set(key, instance);
    this.#byTable.set(shape.table.tableId, instance);
    this.#write(instance, this.#compute(instance));
    if (instance.failure === undefined) return instance;
    this.#remove(instance);
    throw refusal(view);
  }

  #release(instance: Instance): void {
    if (--instance.uses === 0) this.#remove(instance);
  }

  #remove(instance: Instance): void {
    const { tableId, name } = instance.shape.table;
    this.#setSource(instance, undefined);
    this.#reads.delete(instance);
    this.#dirty.delete(instance);
    this.#pending.delete(instance);
    this.#instances.delete(instance.key);
    this.#byTable.delete(tableId);
    this.#engine.removeTable(tableId);
    const free = this.#freeNames.get(instance.view.name);
    if (free === undefined) this.#freeNames.set(instance.view.name, [name]);
    else free.push(name);
  }

  /** All rows that it has now; none when the view fails. */
  #compute(instance: Instance): ReadonlyMap<Key, Row> {
    const view = this.#viewOf(instance.shape.table);
    const { reads, result } = this.#runner.run(view, instance.sender, instance.shape);
    this.#reads.set(instance, reads);
    instance.failure = undefined;
    try {
      const found = result();
      if (found.type === 'rows') {
        this.#setSource(instance, undefined);
        return found.rows;
      }
      this.#setSource(instance, found.plan);
      return this.#rowsOf(found.plan, instance);
    } catch (error) {
      instance.failure = error;
      this.#setSource(instance, undefined);
      this.#viewFailed(view.name, error);
      return new Map();
    }
  }

  #rowsOf(plan: QueryPlan, { shape, view }: Instance): ReadonlyMap<Key, Row> {
    const { rows } = scanPage(this.#engine, plan, undefined, limits.viewRowsMax + 1);
    checkRowCount(view, rows.length);
    return new Map(rows.map((row) => [shape.keyOf(row), shape.copy(row)]));
  }

  #setSource(instance: Instance, plan: QueryPlan | undefined): void {
    // Taken before the old one is given back: mostly it is the same.
    const source = plan && this.#sources.take({ branches: [plan], isRestricted: false });
    const before = instance.source;
    instance.source = source;
    if (source !== undefined) {
      const known = this.#bySource.get(source);
      if (known === undefined) this.#bySource.set(source, new Set([instance]));
      else known.add(instance);
    }
    if (before === undefined) return;
    if (before !== source) {
      const others = this.#bySource.get(before);
      others?.delete(instance);
      if (others?.size === 0) this.#bySource.delete(before);
    }
    this.#sources.release(before);
  }

  #sourceChanged(query: SharedQuery, before: Row | undefined, after: Row | undefined): void {
    for (const instance of this.#bySource.get(query) ?? []) {
      const { pending, shape } = instance;
      if (before !== undefined) pending.set(shape.keyOf(before), undefined);
      if (after !== undefined) pending.set(shape.keyOf(after), shape.copy(after));
      this.#pending.add(instance);
    }
  }

  /** As the module has it now. */
  #viewOf(table: TableDefinition): ViewDefinition {
    const name = table.view?.name;
    const view = this.#engine.definition.views.find((each) => each.name === name);
    if (view === undefined) throw new RangeError(`there is no view of the table ${table.name}`);
    return view;
  }
}

/** What the view threw may tell of rows that the viewer may not see. */
function refusal({ name }: ViewDefinition): ForerunError {
  return new ForerunError(
    'query-invalid',
    `Query refused: the view '${name}' failed. What it threw is told to whoever runs the authority.`,
  );
}
