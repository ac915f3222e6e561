/** The chat's page: who is there, what was said, and what you say next. */

import { useLive, useReducers, useStatus } from 'forerun/react';
import { type ReactElement, type SubmitEvent, useEffect, useRef, useState } from 'react';
import { type QueuedCall, useCallQueue } from '../ui/call-queue.ts';
import { queue } from './client.ts';
import type * as chat from './module.ts';
import { useUnread } from './unread.ts';
import './chat.css';

interface Person {
  readonly id: string;
  readonly name: string | null;
  readonly online: number;
}

interface Message {
  readonly sender: string;
  /** Microseconds since the Unix epoch. */
  readonly sent: number;
  readonly text: string;
  readonly name: string | null;
}

const people = `
  SELECT lower(hex(identity)) AS id, name, online FROM user
  ORDER BY online DESC, name IS NULL, name COLLATE NOCASE, identity`;

const newestMessages = `
  SELECT * FROM (
    SELECT lower(hex(sender)) AS sender, sent, text, name
    FROM message LEFT JOIN user ON identity = sender
    ORDER BY sent DESC LIMIT 200
  ) ORDER BY sent`;

export function Chat(): ReactElement {
  const me = useStatus().identity;
  const { sendMessage } = useReducers<typeof chat>();
  const calls = useCallQueue(queue).filter(({ reducer }) => reducer === 'sendMessage');
  const [draft, setDraft] = useState('');
  const refused = calls.filter(({ state }) => state === 'rejected' || state === 'failing');
  const pending = new Set(calls.filter((call) => !refused.includes(call)).map(({ micros }) => micros));

  const send = (event: SubmitEvent): void => {
    event.preventDefault();
    // What becomes of it, the queue tells.
    sendMessage({ text: draft }).then(undefined, () => {});
    setDraft('');
  };

  return (
    <div className="chat">
      <People me={me} />
      <section className="talk" aria-label="Messages">
        <Messages me={me} pending={pending} refused={refused.length}>
          {refused.map((call) => (
            <Refused
              key={call.number}
              call={call}
              onEdit={() => {
                setDraft(argOf(call, 'text'));
                queue.discard(call.number);
              }}
              onDismiss={() => queue.discard(call.number)}
            />
          ))}
        </Messages>
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

function People({ me }: { readonly me: string | undefined }): ReactElement {
  const everyone = useLive<Person>(people);
  return (
    <aside className="people" aria-label="People">
      <Name name={everyone.find(({ id }) => id === me)?.name ?? ''} />
      <ul>
        {everyone.map(({ id, name, online }) => (
          <li key={id} data-online={online === 1}>
            {name ?? shortId(id)}
            {id === me && <span className="soft"> (you)</span>}
            {online === 0 && <span className="soft"> · offline</span>}
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
        {last?.reason ?? (last === undefined ? '' : 'Setting …')}
      </p>
    </form>
  );
}

function Messages({
  me,
  pending,
  refused,
  children,
}: {
  readonly me: string | undefined;
  readonly pending: ReadonlySet<number | undefined>;
  readonly refused: number;
  readonly children: readonly ReactElement[];
}): ReactElement {
  const messages = useLive<Message>(newestMessages);
  const unread = useUnread(messages, me);
  const { ready } = useStatus();
  const list = useRef<HTMLOListElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: scrolls when there is more to see
  useEffect(() => {
    list.current?.scrollTo({ top: list.current.scrollHeight });
  }, [messages.length, refused]);
  return (
    <>
      <p className="unread" role="status">
        {unread > 0 && `${unread} unread`}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it */}
      <ol ref={list} className="messages" tabIndex={0} aria-label="Messages, newest last">
        {messages.length === 0 && (
          <li className="empty soft">
            {ready ? 'Nobody has said anything yet. Be the first.' : 'Loading the messages …'}
          </li>
        )}
        {messages.map((message, i) => (
          <Bubble
            key={`${message.sender} ${message.sent} ${message.text}`}
            message={message}
            own={message.sender === me}
            pending={message.sender === me && pending.has(message.sent)}
            follows={messages[i - 1]?.sender === message.sender}
          />
        ))}
        {children}
      </ol>
    </>
  );
}

function Bubble({
  message: { sender, name, sent, text },
  own,
  pending,
  follows,
}: {
  readonly message: Message;
  readonly own: boolean;
  readonly pending: boolean;
  /** The one before is of the same sender, whose name stands there. */
  readonly follows: boolean;
}): ReactElement {
  return (
    <li className="message" data-own={own} data-state={pending ? 'pending' : 'confirmed'}>
      {!follows && <p className="sender">{own ? 'You' : (name ?? shortId(sender))}</p>}
      <p className="text">{text}</p>
      <p className="foot">
        <time dateTime={new Date(sent / 1000).toISOString()}>{timeOfDay(sent)}</time>
        {own && (pending ? ' · sending' : <Sent />)}
      </p>
    </li>
  );
}

function Sent(): ReactElement {
  return (
    <>
      <span aria-hidden="true"> ✓</span>
      <span className="hidden"> sent</span>
    </>
  );
}

function Refused({
  call,
  onEdit,
  onDismiss,
}: {
  readonly call: QueuedCall;
  readonly onEdit: () => void;
  readonly onDismiss: () => void;
}): ReactElement {
  return (
    <li className="message" data-own="true" data-state="rejected" role="status">
      <p className="text">{argOf(call, 'text') || <em>(empty)</em>}</p>
      <p className="foot">
        Not sent: {call.reason}{' '}
        <button className="button plain" type="button" onClick={onEdit}>
          Edit
        </button>{' '}
        <button className="button plain" type="button" onClick={onDismiss}>
          Dismiss
        </button>
      </p>
    </li>
  );
}

function shortId(identity: string): string {
  return `Guest ${identity.slice(-4)}`;
}

function timeOfDay(micros: number): string {
  return new Date(micros / 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
}

/** A text among a call's arguments. */
function argOf({ args }: QueuedCall, name: string): string {
  return String((args as Readonly<Record<string, unknown>>)[name]);
}
