/** What others have said since this user last looked; kept on this device, so it counts across reloads. */

import { useEffect, useState } from 'react';
import { user } from '../ui/embedding.ts';

const key = `chat read ${user.profile ?? ''}`;

/** Whoever has the focus here is looking. */
export function useUnread(
  messages: readonly { readonly sender: string; readonly sent: number }[],
  me: string | undefined,
): number {
  const [readMicros, setRead] = useState(() => Number(localStorage.getItem(key) ?? 0));
  const newest = messages.at(-1)?.sent ?? 0;
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
  const unread = messages.filter(({ sender, sent }) => sender !== me && sent > readMicros).length;
  useEffect(() => {
    document.title = `${unread > 0 ? `(${unread}) ` : ''}Chat – Forerun`;
  }, [unread]);
  return unread;
}
