/**
 * What tabs without a shared worker say to each other, on one broadcast channel per replica, and the leader's answers.
 *
 * | message | from | meaning |
 * | --- | --- | --- |
 * | leader | the tab that leads | join me; `stolen`: the one before did not answer |
 * | join | a tab that follows | let me be one of your pages |
 * | joined | the leader's host | you are, through the channels of your name |
 * | otherVersion | the leader's host | my module is another one than yours |
 * | ping, pong | a follower, the leader's host | are you there; I am |
 */

import { replicaChannel } from './names.ts';

export type TabMessage =
  | { readonly type: 'leader'; readonly stolen: boolean }
  /** `attempt`: the page's own numbering of the hosts that it has joined, so that what was said to one is not taken for another. */
  | { readonly type: 'join'; readonly pageId: string; readonly attempt: number; readonly version: string }
  | { readonly type: 'joined'; readonly pageId: string; readonly attempt: number }
  | { readonly type: 'otherVersion'; readonly pageId: string }
  | { readonly type: 'ping' }
  | { readonly type: 'pong' };

/**
 * Runs where the leader's host runs, so that it answers only as long as that does. `join` makes a page one of the host's,
 * and gives what lets go of it. The result ends all of it.
 */
export function answerFollowers(
  replica: string,
  version: string,
  join: (pageId: string, attempt: number) => () => void,
): () => void {
  const channel = new BroadcastChannel(replicaChannel(replica));
  const say = (message: TabMessage): void => channel.postMessage(message);
  const joined = new Map<string, { readonly attempt: number; readonly leave: () => void }>();
  channel.onmessage = ({ data }: MessageEvent<TabMessage>) => {
    if (data.type === 'ping') return say({ type: 'pong' });
    if (data.type !== 'join') return;
    if (data.version !== version) return say({ type: 'otherVersion', pageId: data.pageId });
    const { pageId, attempt } = data;
    const known = joined.get(pageId);
    if (known === undefined || known.attempt < attempt) {
      known?.leave();
      joined.set(pageId, { attempt, leave: join(pageId, attempt) });
    }
    say({ type: 'joined', pageId, attempt });
  };
  return () => channel.close();
}
