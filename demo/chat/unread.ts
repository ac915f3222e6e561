/** What others have said since this user last looked; kept on this device, so it counts across reloads. */

import type { Identity, Timestamp } from 'forerun';
import { useEffect, useState } from 'react';
import { user } from '../ui/embedding.ts';

const key = `chat read ${user.profile ?? ''}`;

interface Said {
  readonly sender: Identity;
  readonly sent: Timestamp;
}

/** Whoever has the focus here is looking. */
export function useUnread(messages: readonly Said[], me: string | undefined): number {
  const [readMicros, setRead] = useState(() => Number(localStorage.getItem(key) ?? 0));
  const newest = microsOf(messages.at(-1));
  useEffect(() => {
    const look = (): void => {
      if (!document.hasFocus() || newest === 0) return;
      localStorage.setItem(key, String(newest));
      setRead(newest);
    };
    look();
    window.addEventListener('focus', look);
    return () => window.removeEventListener('focus', look);
  }, [newest]);
  const unread = messages.filter((each) => each.sender.toHexString() !== me && microsOf(each) > readMicros).length;
  useEffect(() => {
    document.title = `${unread > 0 ? `(${unread}) ` : ''}Chat – Forerun`;
  }, [unread]);
  return unread;
}

function microsOf(said: Said | undefined): number {
  return Number(said?.sent.microsSinceUnixEpoch ?? 0);
}
