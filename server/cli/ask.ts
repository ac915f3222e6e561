/** Questions to a person at a terminal; nobody else is asked anything. */

import { cancel, select, text } from '@clack/prompts';
import { Failure } from './failure.ts';

export function canAsk(): boolean {
  return process.stdin.isTTY && process.stdout.isTTY;
}

export async function askText(message: string, initialValue: string): Promise<string> {
  return answered(await text({ message, initialValue }));
}

export async function askChoice<T extends string>(
  message: string,
  choices: readonly { readonly value: T; readonly label: string; readonly hint: string }[],
): Promise<T> {
  // The prompt's own types can't see through the generic; its values are those given.
  return answered(await select<string>({ message, options: [...choices] })) as T;
}

function answered(answer: string | symbol): string {
  if (typeof answer === 'string') return answer;
  cancel('Nothing was done.');
  throw new Failure('Stopped by you.');
}
