/**
 * What reducers print goes to their database instead of the process's output: `console.log` and its like.
 *
 * Law: only what is printed while a reducer runs is taken; a reducer is synchronous, so that is always its own. Costs
 * nothing while nobody prints.
 */

import { format } from 'node:util';
import type { Engine } from '../core/engine/engine.ts';
import type { Level } from './database-diagnostics.ts';

type Listener = (level: Level, reducer: string, text: string) => void;

const levelOf = { debug: 'debug', log: 'info', info: 'info', warn: 'warn', error: 'error', trace: 'debug' } as const;
type Method = keyof typeof levelOf;
// Object.keys of a constant of ours.
const methods = Object.keys(levelOf) as Method[];

const listeners = new Map<Engine, Listener>();
let originals: Pick<Console, Method> | undefined;

/** Until the result is called. */
export function listenToModule(engine: Engine, listener: Listener): () => void {
  listeners.set(engine, listener);
  if (originals === undefined) takeOver();
  return () => {
    listeners.delete(engine);
    if (listeners.size === 0) giveBack();
  };
}

function takeOver(): void {
  const { debug, log, info, warn, error, trace } = console;
  originals = { debug, log, info, warn, error, trace };
  for (const method of methods) {
    const original = originals[method];
    console[method] = (...args: unknown[]) => {
      for (const [engine, listener] of listeners) {
        const reducer = engine.runningReducer;
        if (reducer !== undefined) return listener(levelOf[method], reducer, format(...args));
      }
      return original.apply(console, args);
    };
  }
}

function giveBack(): void {
  if (originals !== undefined) Object.assign(console, originals);
  originals = undefined;
}
