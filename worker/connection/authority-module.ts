/**
 * The authority's module beside this client's own, where the two are not the same version: whether they understand each
 * other, how they differ, and by which numbers each knows what both have.
 *
 * Law: on this side of the connection there are the numbers of the client's own module only. Leases and checks of tables
 * that it does not know are left out; rows of them it never asks for.
 */

import type { RowChange } from '../../core/commit/row-change.ts';
import type { RowShape } from '../../core/engine/row-shape.ts';
import { ForerunError } from '../../core/errors.ts';
import type { ModuleDefinition } from '../../core/module/definition.ts';
import { differences, type ModuleOutline, outlineOf } from '../../core/module/module-outline.ts';
import type { ClientMessage, ServerMessage } from '../../core/protocol/messages.ts';

interface Numbers {
  /** The authority's to the client's. */
  readonly tables: ReadonlyMap<number, number>;
  /** The client's to the authority's. */
  readonly tablesThere: ReadonlyMap<number, number>;
  readonly reducersThere: ReadonlyMap<number, number>;
}

/** A number that no module has. */
const nowhere = 2 ** 32 - 1;
/** Of all that differs, as many are told. */
const toldMax = 5;

export class AuthorityModule {
  readonly #own: ModuleDefinition;
  readonly #shapeOf: (tableId: number) => RowShape;
  #hash: string;
  /** Undefined as long as both have the same ones. */
  #numbers: Numbers | undefined;
  #difference: string | undefined;

  constructor(own: ModuleDefinition, shapeOf: (tableId: number) => RowShape) {
    this.#own = own;
    this.#hash = own.hash;
    this.#shapeOf = shapeOf;
  }

  /** To say hello with. */
  get hash(): string {
    return this.#hash;
  }

  /** How it differs from this client's, in words; undefined when it does not. */
  get difference(): string | undefined {
    return this.#difference;
  }

  /** The authority has told its module. Throws `module-mismatch`, which says why, when this client can't go on with it. */
  meet(outline: ModuleOutline): void {
    const own = outlineOf(this.#own, this.#own.hash);
    const { breaking, added } = differences(own, outline);
    if (breaking.length > 0)
      throw new ForerunError(
        'module-mismatch',
        `The authority runs another version of the module, which this one can't work with: ${sentence(breaking)}. Reload the page to get it; calls that are kept are sent then.`,
      );
    this.#hash = outline.hash;
    const isOwn = outline.hash === own.hash;
    this.#numbers = isOwn ? undefined : numbersOf(own, outline);
    this.#difference = isOwn
      ? undefined
      : `The authority runs another version of the module, with which this one goes on${added.length === 0 ? '' : `: ${sentence(added)}`}.`;
  }

  readonly shapeOf = (tableId: number): RowShape => {
    if (this.#numbers === undefined) return this.#shapeOf(tableId);
    const own = this.#numbers.tables.get(tableId);
    if (own === undefined) throw new ForerunError('frame-invalid', `There is no table number ${tableId} here.`);
    return this.#shapeOf(own);
  };

  /** Undefined when it is about nothing that this client knows. */
  received(message: ServerMessage): ServerMessage | undefined {
    if (this.#numbers === undefined) return message;
    const { tables } = this.#numbers;
    const own = (tableId: number): number => tables.get(tableId) ?? nowhere;
    const changes = (list: readonly RowChange[]): RowChange[] =>
      list.map((change) => ({ ...change, tableId: own(change.tableId) }));
    switch (message.type) {
      case 'batch':
      case 'staged':
        return {
          ...message,
          commits: message.commits.map((commit) => ({ ...commit, changes: changes(commit.changes) })),
        };
      case 'snapshot':
      case 'leaving':
        return { ...message, tableId: own(message.tableId) };
      case 'lease':
        return tables.has(message.tableId) ? { ...message, tableId: own(message.tableId) } : undefined;
      case 'ephemeral':
        return {
          ...message,
          completeTables: message.completeTables.filter((id) => tables.has(id)).map(own),
          changes: changes(message.changes),
        };
      case 'check':
        return {
          ...message,
          tables: message.tables
            .filter(({ tableId }) => tables.has(tableId))
            .map((table) => ({ ...table, tableId: own(table.tableId) })),
        };
      default:
        return message;
    }
  }

  sent(message: ClientMessage): ClientMessage {
    if (this.#numbers === undefined || message.type !== 'call') return message;
    const { reducersThere, tablesThere } = this.#numbers;
    return {
      ...message,
      reducerId: reducersThere.get(message.reducerId) ?? nowhere,
      idHints: message.idHints.map((hint) => ({ ...hint, tableId: tablesThere.get(hint.tableId) ?? nowhere })),
    };
  }
}

/** Everything of `own` is in `there`, by its name. */
function numbersOf(own: ModuleOutline, there: ModuleOutline): Numbers {
  const tablesThere = new Map<number, number>();
  for (const { name, tableId } of own.tables) {
    const same = there.tables.find((table) => table.name === name);
    if (same !== undefined) tablesThere.set(tableId, same.tableId);
  }
  const reducersThere = new Map<number, number>();
  for (const { name, reducerId } of own.reducers) {
    const same = there.reducers.find((reducer) => reducer.name === name);
    if (same !== undefined) reducersThere.set(reducerId, same.reducerId);
  }
  return { tables: new Map([...tablesThere].map(([mine, theirs]) => [theirs, mine])), tablesThere, reducersThere };
}

function sentence(parts: readonly string[]): string {
  const more = parts.length - toldMax;
  return `${parts.slice(0, toldMax).join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}
