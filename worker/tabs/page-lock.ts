/** The lock by which a host on another thread knows that a page lives. */

import { pageLock } from './names.ts';

/** Resolves when it is held, with what gives it back. Where there are no locks, hosts can't know. */
export function holdPageLock(pageId: string): Promise<() => void> {
  const { locks } = navigator as { readonly locks?: LockManager };
  if (locks === undefined) return Promise.resolve(() => {});
  return new Promise((resolve, reject) => {
    locks.request(pageLock(pageId), () => new Promise<void>((release) => resolve(release))).catch(reject);
  });
}
