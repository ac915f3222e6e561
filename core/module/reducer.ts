/**
 * Reducers: synchronous deterministic functions which read and write rows in one transaction.
 *
 * Law: an exported reducer is a plain function. Called by another reducer with its `ctx`, it runs in the same transaction.
 */

import { ForerunError } from '../errors.ts';
import { isColumn, type RowObj } from './column-builder.ts';
import { fieldsOf, type InferTypeOfRow, type RowBuilder } from './column.ts';
import type { ReducerCtx } from './context.ts';
import type { Lifecycle, WhenLate } from './definition.ts';
import { exportKey, type ModuleExport, type ReducerSpec } from './module-export.ts';
import { type AnyTable, type IndexOptions, isTable, type Table } from './table.ts';
import type { Tables } from './table-view.ts';

/** A reducer's function. What it returns is ignored, and must not be a promise. */
export type Reducer<S extends Tables, P extends RowObj> = (
  ctx: ReducerCtx<S>,
  args: InferTypeOfRow<P>,
) => SynchronousResult;

/** Anything but a promise: a reducer is done when it returns, or its transaction could not end. */
// biome-ignore lint/suspicious/noConfusingVoidType: a function may return nothing, or a value that nobody reads
export type SynchronousResult = void | undefined | null | boolean | number | bigint | string | symbol | NotAPromise;

type NotAPromise = object & {
  readonly then?: 'A reducer must be synchronous: remove async and await. It is done when it returns.';
};

/** An exported reducer; `Callable` says whether clients may call it, which lifecycle and scheduled reducers forbid. */
export interface ReducerExport<S extends Tables, P extends RowObj, Callable extends boolean = boolean>
  extends ModuleExport {
  (ctx: ReducerCtx<S>, args: InferTypeOfRow<P>): void;
  readonly [exportKey]: ReducerSpec & { readonly types?: () => { readonly params: P; readonly callable: Callable } };
}

/** The arguments of an exported reducer. */
export type ArgsOf<R extends ModuleExport> = R[typeof exportKey] extends {
  readonly types?: () => { readonly params: infer P extends RowObj };
}
  ? InferTypeOfRow<P>
  : never;

export interface ReducerOptions {
  /** Name in calls over HTTP and for SpacetimeDB clients; otherwise made from the export's name. */
  readonly name?: string;
  /** `false`: clients wait for the authority instead of running it ahead. Default: true. */
  readonly predict?: boolean;
}

export interface ScheduledReducerOptions<P extends RowObj> extends ReducerOptions {
  /** Call this reducer with the rows of this table when they are due. Its only parameter is the table's `rowType`. */
  readonly onSchedule?: ScheduledTable<P>;
  /**
   * When the authority was too busy or stopped for some runs of an interval: `skip` makes one for all that were missed,
   * `catchUp` each of them, up to `catchUpRunsMax`. Default: `skip`.
   */
  readonly whenLate?: WhenLate;
}

/** The table whose row type the one parameter has. */
type ScheduledTable<P extends RowObj> =
  P[keyof P] extends RowBuilder<infer C>
    ? Table<C, readonly IndexOptions<string>[]>
    : 'The only parameter of a scheduled reducer is the rowType of its table.';

/** `fn`, and the arguments before it: `[params]`, `[options]`, `[options, params]` or none. */
export type ReducerArguments =
  | readonly [fn: AnyReducer]
  | readonly [first: object, fn: AnyReducer]
  | readonly [options: object, params: RowObj, fn: AnyReducer];

/** A function of any reducer's type; the overloads of `Schema` check each one. */
type AnyReducer = ReducerSpec['run'];

/** What the overloads of `Schema.reducer` and of the lifecycle hooks accept, taken apart. */
export function reducerSpec(schema: object, args: ReducerArguments, lifecycle: Lifecycle | undefined): ReducerSpec {
  const { options, params, run } = takeApart(args);
  if (typeof run !== 'function') {
    throw new ForerunError(
      'module-invalid',
      'reducer(): the last argument must be the function. Write reducer({ x: t.u32() }, (ctx, { x }) => { … }).',
    );
  }
  // Refuses here, where the user's line is on the stack, what is not a type.
  fieldsOf(params);
  if (options.onSchedule !== undefined && !isTable(options.onSchedule)) {
    throw new ForerunError('module-invalid', 'reducer(): onSchedule is not a table: pass what table() returned.');
  }
  return {
    type: 'reducer',
    schema,
    name: options.name,
    params,
    lifecycle,
    onSchedule: options.onSchedule,
    whenLate: checkedWhenLate(options.whenLate ?? 'skip'),
    predict: options.predict ?? true,
    run,
  };
}

/** The export itself: a function with the spec attached, so that the user's function stays as it is. */
export function reducerExport<S extends Tables, P extends RowObj, Callable extends boolean>(
  spec: ReducerSpec,
): ReducerExport<S, P, Callable> {
  // The overload by which `run` came in fixed what it takes: this `S` and this `P`.
  const run = spec.run as Reducer<S, P>;
  const call: (ctx: ReducerCtx<S>, args: InferTypeOfRow<P>) => void = (ctx, args) => run(ctx, args);
  return Object.assign(call, { [exportKey]: spec });
}

/** What was written, whose table the overloads have checked. */
type WrittenOptions = ReducerOptions & { readonly onSchedule?: AnyTable; readonly whenLate?: WhenLate };

function takeApart(args: ReducerArguments): { options: WrittenOptions; params: RowObj; run: AnyReducer } {
  if (args.length === 1) return { options: {}, params: {}, run: args[0] };
  if (args.length === 3) return { options: args[0], params: args[1], run: args[2] };
  const [first, run] = args;
  // What is neither is taken for parameters, and found out to be none where their types are read.
  return isOptions(first) ? { options: first, params: {}, run } : { options: {}, params: first as RowObj, run };
}

/** Two arguments are `(options, fn)` or `(params, fn)`; a parameter may be called like an option, but is a type then. */
function isOptions(value: object): value is WrittenOptions {
  const entries = Object.entries(value);
  return entries.length > 0 && entries.every(([key, option]) => optionNames.has(key) && !isColumn(option));
}

const optionNames: ReadonlySet<string> = new Set<keyof WrittenOptions>(['name', 'predict', 'onSchedule', 'whenLate']);

function checkedWhenLate(whenLate: WhenLate): WhenLate {
  if (whenLate === 'skip' || whenLate === 'catchUp') return whenLate;
  throw new ForerunError('module-invalid', "reducer(): whenLate is 'skip' or 'catchUp'.");
}
