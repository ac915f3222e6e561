/**
 * What hosts of one origin tell each other of a replica that was wiped: those of other versions of the app, or of a tab
 * that could not share what the others have, have pages of their own that are to end with it.
 */

import type { WipeNews } from '../start.ts';
import { wipesChannel } from './names.ts';

export const wipeNews: WipeNews = {
  tell: (replica) => {
    const channel = new BroadcastChannel(wipesChannel(replica));
    channel.postMessage('wiped');
    channel.close();
  },
  hear: (replica, wiped) => {
    const channel = new BroadcastChannel(wipesChannel(replica));
    channel.onmessage = () => wiped();
    return () => channel.close();
  },
};
