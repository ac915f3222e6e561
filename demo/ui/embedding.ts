/**
 * A demo's page alone, or in a frame of the gallery: there it is one of several users, has no bars of its own, is told
 * how good its network is, and tells what becomes of its calls.
 */

import type { CallHandle, Client, Simulation } from 'forerun/client';
import type { ModuleExports } from 'forerun';

const parameters = new URLSearchParams(location.search);

/** In a frame of the gallery. */
export const isEmbedded: boolean = parameters.has('user') && window.parent !== window;

/** Which of this device's users the page is for. */
export const user: { readonly profile?: string } = parameters.has('user')
  ? { profile: parameters.get('user') ?? '' }
  : {};

/** Where a call is on its way. `changed`: a replay, or the authority, made it do something else. */
export type Step = 'called' | 'predicted' | 'stored' | 'confirmed' | 'changed' | 'rejected';

export type ToFrame = { readonly type: 'simulate'; readonly simulation: Simulation };

export type FromFrame =
  | { readonly type: 'ready' }
  | { readonly type: 'step'; readonly call: number; readonly reducer: string; readonly step: Step };

/** Ties an embedded page's client to the gallery. */
export function embed<M extends ModuleExports>(client: Client<M>, signs: readonly string[]): void {
  const numbers = new WeakMap<CallHandle, number>();
  let lastNumber = 0;
  const tell = (message: FromFrame): void => window.parent.postMessage(message, location.origin);
  client.onCall((handle) => {
    if (signs.includes(handle.reducer)) return;
    let call = numbers.get(handle);
    if (call === undefined) {
      numbers.set(handle, (call = ++lastNumber));
      const number = call;
      handle.onOutcomeChange(() => tell({ type: 'step', call: number, reducer: handle.reducer, step: 'changed' }));
      handle.then(
        ({ asPredicted }) => {
          if (!asPredicted) tell({ type: 'step', call: number, reducer: handle.reducer, step: 'changed' });
        },
        () => {},
      );
    }
    tell({ type: 'step', call, reducer: handle.reducer, step: stepOf(handle) });
  });
  window.addEventListener('message', ({ origin, data }: MessageEvent<ToFrame>) => {
    if (origin === location.origin && data?.type === 'simulate') client.simulate(data.simulation);
  });
  tell({ type: 'ready' });
}

function stepOf({ state, prediction }: CallHandle): Step {
  if (state === 'calling') return 'called';
  if (state === 'predicted' && prediction?.type === 'unpredicted') return 'called';
  return state;
}
