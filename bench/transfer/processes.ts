/** Child processes of the benchmark, and the messages that come from them. */

import { type ChildProcess, fork } from 'node:child_process';

/** More flags for these processes, for whoever looks for the time: `BENCH_NODE_FLAGS='--cpu-prof'`. */
const nodeFlags = (process.env['BENCH_NODE_FLAGS'] ?? '').split(' ').filter((flag) => flag !== '');

export interface Child {
  readonly process: ChildProcess;
  /** The next message of this type. */
  readonly message: <T>(type: string) => Promise<T>;
  readonly exited: Promise<number | null>;
}

export function startChild(file: string, args: readonly string[] = []): Child {
  const execArgv = ['--conditions=forerun-source', ...nodeFlags];
  const child = fork(new URL(file, import.meta.url), args, { execArgv });
  const received: { readonly type: string }[] = [];
  const waiting: { readonly type: string; readonly resolve: (message: never) => void }[] = [];
  child.on('message', (message: { readonly type: string }) => {
    const at = waiting.findIndex(({ type }) => type === message.type);
    if (at < 0) received.push(message);
    else waiting.splice(at, 1)[0]?.resolve(message as never);
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return {
    process: child,
    exited,
    message: (type) =>
      new Promise((resolve, reject) => {
        const at = received.findIndex((message) => message.type === type);
        if (at >= 0) resolve(received.splice(at, 1)[0] as never);
        else waiting.push({ type, resolve });
        void exited.then((code) => reject(new Error(`${file} ended with ${code} before it said '${type}'`)));
      }),
  };
}
