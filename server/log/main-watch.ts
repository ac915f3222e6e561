/**
 * Notices when the main thread has not answered for a while, and tells people where it is: most likely in a reducer that
 * computes without end. `callMsMax` is looked at in operations on tables, so such a call is never refused, and ending the
 * thread's work from outside would leave a call half done: whoever runs the server has to stop it and mend the reducer.
 *
 * It runs on the storage thread, since the main one can't say anything then; nor can other threads print in its stead, but
 * by writing to standard error themselves.
 */

import { writeSync } from 'node:fs';
import type { Debugger, InspectorNotification, Session } from 'node:inspector';

export interface WatchTimes {
  readonly checkMs: number;
  readonly silenceMsMax: number;
}

const watchTimes: WatchTimes = { checkMs: 1_000, silenceMsMax: 5_000 };
const whereMsMax = 1_000;
const framesMax = 4;
const standardError = 2;

/** On the main thread: gives signs of life. The result stops it. */
export function giveSignsOfLife(
  signs: Int32Array<SharedArrayBuffer>,
  { checkMs }: Pick<WatchTimes, 'checkMs'> = watchTimes,
): () => void {
  const timer = setInterval(() => Atomics.add(signs, 0, 1), checkMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** On another thread. The result stops it. */
export function watchMainThread(
  signs: Int32Array<SharedArrayBuffer>,
  { checkMs, silenceMsMax }: WatchTimes = watchTimes,
): () => void {
  let last = Atomics.load(signs, 0);
  let lastMs = performance.now();
  let isTold = false;
  const timer = setInterval(() => {
    const now = Atomics.load(signs, 0);
    const silentMs = performance.now() - lastMs;
    if (now !== last) {
      if (isTold) tell(`the main thread answers again, after ${(silentMs / 1_000).toFixed(1)} s`);
      last = now;
      lastMs = performance.now();
      isTold = false;
    } else if (!isTold && silentMs > silenceMsMax) {
      isTold = true;
      void whereItIs().then((place) => tell(silence(silentMs, place)));
    }
  }, checkMs);
  timer.unref();
  return () => clearInterval(timer);
}

function silence(silentMs: number, place: string | undefined): string {
  const what = `the main thread has not answered for ${(silentMs / 1_000).toFixed(1)} s, and no call is answered meanwhile`;
  return place === undefined
    ? `${what}. It waits for the system, or a debugger holds it.`
    : `${what}. It is in ${place}. If that is a reducer that computes without end, nothing stops it: stop the server and mend it.`;
}

function tell(text: string): void {
  try {
    writeSync(standardError, `forerun: ${text}\n`);
  } catch {
    // Nobody listens.
  }
}

/** The innermost functions of the main thread, at the next moment at which it can be interrupted. */
async function whereItIs(): Promise<string | undefined> {
  // Of two debuggers, one would hold what the other lets go.
  if (process.execArgv.some((flag) => flag.startsWith('--inspect'))) return undefined;
  const session = await newSession();
  if (session === undefined) return undefined;
  const urls = new Map<string, string>();
  return new Promise((resolve) => {
    const end = (place: string | undefined): void => {
      clearTimeout(late);
      session.post('Debugger.disable');
      session.disconnect();
      resolve(place);
    };
    const late = setTimeout(() => end(undefined), whereMsMax);
    session.on('Debugger.scriptParsed', ({ params: { scriptId, url } }) => urls.set(scriptId, url));
    session.once('Debugger.paused', ({ params }: InspectorNotification<Debugger.PausedEventDataType>) => {
      const places = params.callFrames.map((frame) => placeOf(frame, urls));
      session.post('Debugger.resume');
      end(
        places
          .filter((place) => !place.includes('(node:'))
          .slice(0, framesMax)
          .join(', called by '),
      );
    });
    session.connectToMainThread();
    session.post('Debugger.enable');
    session.post('Debugger.pause');
  });
}

/** Undefined in a Node that was built without. */
async function newSession(): Promise<Session | undefined> {
  try {
    const { Session: Inspector } = await import('node:inspector');
    return new Inspector();
  } catch {
    return undefined;
  }
}

function placeOf({ functionName, location }: Debugger.CallFrame, urls: ReadonlyMap<string, string>): string {
  const url = urls.get(location.scriptId) ?? 'a script';
  return `${functionName === '' ? 'a function' : functionName} (${url}:${location.lineNumber + 1})`;
}
