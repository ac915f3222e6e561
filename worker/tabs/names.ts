/** Names of the channels and locks by which the tabs of one origin find each other. */

export const replicaChannel = (replica: string): string => `forerun/${replica}`;
export const pageChannel = (replica: string, pageId: string, attempt: number): string =>
  `forerun/${replica}/${pageId}/${attempt}`;
export const eventsChannel = (replica: string, pageId: string, attempt: number): string =>
  `${pageChannel(replica, pageId, attempt)}/events`;
export const wipesChannel = (replica: string): string => `${replicaChannel(replica)}/wiped`;
/** Held by a page as long as it lives. */
export const pageLock = (pageId: string): string => `forerun page ${pageId}`;
/** Held by the one host of a replica, or by the tab that has it. */
export const hostLock = (replica: string): string => `forerun host ${replica}`;
/** Held by the tab that has a host prepared, for when the one that leads is gone. */
export const nextLock = (replica: string): string => `forerun next ${replica}`;
/** Where a shared worker that holds the host's lock says that it is alive. */
export const holderChannel = (replica: string): string => `${replicaChannel(replica)}/holder`;
