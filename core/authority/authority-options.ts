/** What an authority is given by its home. */

import type { Epoch } from '../commit/call.ts';
import type { Log } from '../commit/log.ts';
import type { Environment } from '../environment.ts';
import type { ModuleDefinition } from '../module/definition.ts';
import type { Identity } from '../value/identity.ts';
import type { CallLimits } from './call-budget.ts';
import type { Checkpoint } from './checkpoint.ts';

export interface AuthorityOptions {
  readonly definition: ModuleDefinition;
  readonly log: Log;
  readonly environment: Environment;
  readonly epoch: Epoch;
  readonly databaseIdentity: Identity;
  /** 32 hex digits that no client knows: seeds the randomness of reducers with `predict: false`. */
  readonly secret: string;
  /** Tables as of some batch; recovery replays the log from there. Default: nothing. */
  readonly checkpoint?: Checkpoint;
  readonly guard?: boolean;
  /** How far a call's proposed time may be from the authority's clock; beyond it the authority sets its own. Default 250. */
  readonly timestampToleranceMs?: number;
  readonly limits?: Partial<CallLimits>;
  readonly diagnostics?: Diagnostics;
}

/** What people who run the authority are told. Never holds secrets. */
export interface Diagnostics {
  readonly reducerThrew: (reducer: string, error: unknown) => void;
  readonly logFailed: (error: unknown) => void;
}
