/** How long a browser's worker has run, as Linux counts it for its thread. */

import { readdirSync, readFileSync } from 'node:fs';

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // It has ended meanwhile.
    return '';
  }
};

/** The one dedicated worker among the processes that this one has begun. */
export function workerThread(browserPid: number): { readonly ms: () => number } {
  const paths = familyOf(browserPid).flatMap((pid) =>
    readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}`),
  );
  const [worker, another] = paths.filter((path) => read(`${path}/comm`).startsWith('DedicatedWorker'));
  if (worker === undefined || another !== undefined) throw new Error('there is not one worker in this browser');
  return { ms: () => Number(read(`${worker}/schedstat`).split(' ')[0]) / 1e6 };
}

function familyOf(ancestor: number): number[] {
  const parents = new Map(
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      // What comes before the closing bracket is the program's name.
      .map((pid) => [Number(pid), Number(read(`/proc/${pid}/stat`).split(') ')[1]?.split(' ')[1])]),
  );
  const isOfIt = (pid: number): boolean => pid === ancestor || (pid > 1 && isOfIt(parents.get(pid) ?? 0));
  return [...parents.keys()].filter(isOfIt);
}
