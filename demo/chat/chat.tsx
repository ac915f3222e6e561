/** The chat's page: who is there, what was said, and what you say next. */

import type { Identity, Timestamp } from 'forerun';
import { useClient, useLive, useReducers, useStatus } from 'forerun/react';
import { type ReactElement, type SubmitEvent, useState } from 'react';
import { type QueuedCall, useCallQueue } from '../ui/call-queue.ts';
import { queue } from './client.ts';
import type * as chat from './module.ts';
import { useUnread } from './unread.ts';
import './chat.css';

export function Chat(): ReactElement {
  const { sendMessage } = useReducers<typeof chat>();
  const [draft, setDraft] = useState('');
  const send = (event: SubmitEvent): void => {
    event.preventDefault();
    // What becomes of it, the queue tells.
    sendMessage({ text: draft }).then(undefined, () => {});
    setDraft('');
  };
  return (
    <div className="chat">
      <People />
      <section className="talk" aria-label="Messages">
        <Messages onEdit={setDraft} />
        <form className="composer" onSubmit={send}>
          <input
            className="field"
            aria-label="Message"
            placeholder="Write a message"
            autoComplete="off"
            value={draft}
            onChange={({ target }) => setDraft(target.value)}
          />
          <button className="button primary" type="submit">
            Send
          </button>
        </form>
      </section>
    </div>
  );
}

function People(): ReactElement {
  const me = useStatus().identity;
  const { user } = useClient<typeof chat>().tables;
  const everyone = useLive(user.orderBy((u) => [u.online.desc(), u.name]));
  return (
    <aside className="people" aria-label="People">
      <Name name={everyone.find(({ identity }) => identity.toHexString() === me)?.name ?? ''} />
      <ul>
        {everyone.map(({ identity, name, online }) => (
          <li key={identity.toHexString()} data-online={online}>
            <span className="who">{name ?? guest(identity)}</span>
            {identity.toHexString() === me && <span className="soft"> (you)</span>}
            {!online && <span className="soft"> · offline</span>}
          </li>
        ))}
      </ul>
    </aside>
  );
}

function Name({ name }: { readonly name: string }): ReactElement {
  const { setName } = useReducers<typeof chat>();
  const calls = useCallQueue(queue).filter(({ reducer }) => reducer === 'setName');
  const [draft, setDraft] = useState<string>();
  const last = calls.at(-1);
  const rename = (event: SubmitEvent): void => {
    event.preventDefault();
    for (const call of calls) queue.discard(call.number);
    if (draft !== undefined && draft !== name) setName({ name: draft }).then(undefined, () => {});
    setDraft(undefined);
  };
  return (
    <form className="name" onSubmit={rename}>
      <label htmlFor="name">Your name</label>
      <div>
        <input
          id="name"
          className="field"
          placeholder="Anonymous"
          autoComplete="off"
          aria-describedby="name-note"
          value={draft ?? name}
          onChange={({ target }) => setDraft(target.value)}
        />
        <button className="button" type="submit">
          Set
        </button>
      </div>
      <p id="name-note" className="note" role="status" data-state={last?.state}>
        {last && (last.reason ?? 'Setting …')}
      </p>
    </form>
  );
}

function Messages({ onEdit }: { readonly onEdit: (text: string) => void }): ReactElement {
  const { identity: me, ready } = useStatus();
  const { message, user } = useClient<typeof chat>().tables;
  const newest = message
    .join(user, (m, u) => m.sender.eq(u.identity))
    .select((m, u) => ({ sender: m.sender, sent: m.sent, text: m.text, name: u.name }))
    .orderBy((m) => m.sent.desc())
    .limit(200);
  const messages = useLive(newest).toReversed();
  const calls = useCallQueue(queue).filter(({ reducer }) => reducer === 'sendMessage');
  const refused = calls.filter(({ reason }) => reason !== undefined);
  // A pending row has the time that its call was given.
  const pending = new Set(calls.map(({ micros }) => micros));
  const unread = useUnread(messages, me);
  return (
    <>
      <p className="unread" role="status">
        {unread > 0 && `${unread} unread`}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it */}
      <section className="scroller" tabIndex={0} aria-label="What was said, newest last">
        <ol className="messages">
          {messages.length === 0 && (
            <li className="empty soft">
              {ready ? 'Nobody has said anything yet. Be the first.' : 'Loading the messages …'}
            </li>
          )}
          {messages.map((each, i) => {
            const own = each.sender.toHexString() === me;
            const follows = messages[i - 1]?.sender.isEqual(each.sender);
            return (
              <Bubble
                key={`${each.sender.toHexString()} ${each.sent.toISOString()} ${each.text}`}
                text={each.text}
                sent={each.sent}
                sender={follows ? undefined : own ? 'You' : (each.name ?? guest(each.sender))}
                own={own}
                pending={own && pending.has(Number(each.sent.microsSinceUnixEpoch))}
              />
            );
          })}
          {refused.map((call) => (
            <Refused key={call.number} call={call} onEdit={onEdit} />
          ))}
        </ol>
      </section>
    </>
  );
}

interface BubbleProps {
  readonly text: string;
  readonly sent: Timestamp;
  /** Undefined where the message before is of the same one. */
  readonly sender: string | undefined;
  readonly own: boolean;
  readonly pending: boolean;
}

function Bubble({ text, sent, sender, own, pending }: BubbleProps): ReactElement {
  const time = sent.toDate().toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  return (
    <li className="message" data-own={own} data-state={pending ? 'pending' : 'confirmed'}>
      {sender !== undefined && <p className="sender">{sender}</p>}
      <p className="text">{text}</p>
      <p className="foot">
        <time dateTime={sent.toISOString()}>{time}</time>
        {own && (pending ? ' · sending' : ' · sent')}
      </p>
    </li>
  );
}

function Refused({
  call,
  onEdit,
}: {
  readonly call: QueuedCall;
  readonly onEdit: (text: string) => void;
}): ReactElement {
  // The queue holds calls of every reducer; this is one of `sendMessage`.
  const { text } = call.args as { readonly text: string };
  const dismiss = (): void => queue.discard(call.number);
  const edit = (): void => {
    onEdit(text);
    dismiss();
  };
  return (
    <li className="message" data-own="true" data-state="rejected" role="status">
      <p className="text">{text.trim() || <em>(empty)</em>}</p>
      <p className="foot">
        Not sent: {call.reason}{' '}
        <button className="button plain" type="button" onClick={edit}>
          Edit
        </button>{' '}
        <button className="button plain" type="button" onClick={dismiss}>
          Dismiss
        </button>
      </p>
    </li>
  );
}

function guest(identity: Identity): string {
  return `Guest ${identity.toHexString().slice(-4)}`;
}
