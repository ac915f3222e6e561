/**
 * What simulated clients do: calls of the town's reducers, in a mixture of the seed's own, so that some worlds are all
 * banking and some all phantoms.
 */

import type { ModuleDefinition } from '../../core/module/definition.ts';
import type { Random } from './random.ts';
import { accountCount, definition, memberCount } from './town.ts';

/** A call to be made, and what shows later whether it took effect. */
export interface PlannedCall {
  readonly reducer: string;
  readonly args: Readonly<Record<string, unknown>>;
  /** The one note with this text is there if, and only if, the call took effect. */
  readonly text?: string;
  /** The event with this cry is told once if, and only if, the call took effect. */
  readonly cry?: string;
  /** It adds one to the client's counter. */
  readonly counts?: boolean;
}

type Maker = (random: Random, client: string, number: number) => PlannedCall['args'];

const account = (random: Random): number => random.integer(0, accountCount - 1);
const transfer: Maker = (random) => ({
  from: account(random),
  to: account(random),
  amount: BigInt(random.integer(1, 60)),
});
const label = (random: Random): string => random.pick(['red', 'green', 'blue']);

const makers: Readonly<Record<string, Maker>> = {
  transfer,
  auditedTransfer: transfer,
  write: (random, client, number) => ({ room: random.integer(0, 3), text: `${client} ${number}` }),
  writeIfRich: (random, client, number) => ({
    text: `${client} ${number}`,
    id: account(random),
    least: BigInt(random.integer(60, 140)),
  }),
  count: (_, client) => ({ client }),
  enter: (random) => ({ id: random.integer(0, memberCount + 2), room: random.integer(0, 2) }),
  shove: (random) => ({
    room: random.integer(0, 2),
    from: random.integer(0, 5),
    to: random.integer(3, 9),
    by: random.integer(1, 4),
  }),
  survey: (random) => ({ room: random.integer(0, 2) }),
  census: () => ({}),
  stick: (random) => ({ owner: random.integer(0, 2), label: label(random) }),
  unstick: (random) => ({ owner: random.integer(0, 2) }),
  shout: (_, client, number) => ({ cry: `${client} ${number}!` }),
  lottery: (random) => ({ id: random.integer(0, 1) }),
};

/** Reducers that throw on some states; the others never do. */
export const mayRefuse: ReadonlySet<string> = new Set([
  'transfer',
  'auditedTransfer',
  'writeIfRich',
  'unstick',
  'shout',
]);

export class Workload {
  readonly #random: Random;
  readonly #mixture: readonly string[];

  constructor(random: Random) {
    this.#random = random;
    // What a client can tell its own calls by is in every mixture; of the rest, some.
    const always = ['count', 'write', 'survey', 'census'];
    const some = Object.keys(makers).filter((name) => !always.includes(name) && random.chance(0.6));
    this.#mixture = [...always, ...always, ...some, ...some];
  }

  /** The `number`th call of this client. */
  next(client: string, number: number): PlannedCall {
    const reducer = this.#random.pick(this.#mixture);
    const args = (makers[reducer] as Maker)(this.#random, client, number);
    return {
      reducer,
      args,
      ...('text' in args ? { text: String(args['text']) } : {}),
      ...('cry' in args ? { cry: String(args['cry']) } : {}),
      ...(reducer === 'count' ? { counts: true } : {}),
    };
  }
}

export function tableId(name: string, of: ModuleDefinition = definition): number {
  const found = of.tables.find((table) => table.name === name);
  if (found === undefined) throw new Error(`the town has no table ${name}`);
  return found.tableId;
}
