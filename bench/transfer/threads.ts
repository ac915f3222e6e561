/** The processor time of this process's threads, by name, as Linux tells it; nothing elsewhere. */

import { readdirSync, readFileSync } from 'node:fs';

/** Of the kernel's clock in which these times are given. */
const ticksPerSecond = 100;

/** Microseconds since their start; the main thread is called `main`. */
export function threadMicros(): Map<string, number> {
  const micros = new Map<string, number>();
  const folder = '/proc/self/task';
  let ids: string[] = [];
  try {
    ids = readdirSync(folder);
  } catch {
    return micros;
  }
  for (const id of ids) {
    // "id (name) state …", with the times in the 12th and 13th field after the name, which may hold anything.
    const text = readFileSync(`${folder}/${id}/stat`, 'utf8');
    const nameEnd = text.lastIndexOf(')');
    const name = Number(id) === process.pid ? 'main' : text.slice(text.indexOf('(') + 1, nameEnd);
    const fields = text.slice(nameEnd + 2).split(' ');
    const ticks = Number(fields[11]) + Number(fields[12]);
    micros.set(name, (micros.get(name) ?? 0) + (ticks * 1e6) / ticksPerSecond);
  }
  return micros;
}
