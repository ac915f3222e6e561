/** What a simulated world throws when something that must hold does not. */

export class SimulationFailure extends Error {
  override readonly name = 'SimulationFailure';
}

/** `claim` says what should have been true; it is not evaluated otherwise. */
export function expectThat(condition: boolean, claim: () => string): asserts condition {
  if (!condition) throw new SimulationFailure(claim());
}

/** Any value, for messages. */
export function shown(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? `${each}n` : each));
}
