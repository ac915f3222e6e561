import { useLive, useReducers, useStatus } from 'forerun/react';
import { type FormEvent, useState } from 'react';
import { items } from './client.ts';
import type * as list from './module.ts';

export function App() {
  // Renders again when the result changes.
  const rows = useLive(items);
  const { add, toggle, remove } = useReducers<typeof list>();
  const status = useStatus();
  const [text, setText] = useState('');
  const [wrong, setWrong] = useState('');

  /** The call shows at once. When the server refuses it, it is taken back, and says why. */
  const call = (handle: PromiseLike<unknown>): void => {
    handle.then(
      () => setWrong(''),
      (error: Error) => setWrong(error.message),
    );
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    call(add({ text }));
    setText('');
  };

  return (
    <main>
      <header>
        <h1>my_first_app</h1>
        <span className="status" data-live={status.type === 'live' || undefined}>
          {status.type === 'live' ? 'Live' : status.type === 'stopped' ? status.message : 'Connecting …'}
        </span>
      </header>
      <form onSubmit={submit}>
        <input
          type="text"
          aria-label="New item"
          placeholder="What is to be done?"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <button type="submit">Add</button>
      </form>
      {wrong !== '' && (
        <p className="wrong" role="alert">
          {wrong}
        </p>
      )}
      <ul>
        {rows.map((item) => (
          <li key={item.id} className={item.done ? 'done' : ''}>
            <label>
              <input type="checkbox" checked={item.done} onChange={() => call(toggle({ id: item.id }))} />
              <span>{item.text}</span>
            </label>
            <button type="button" aria-label={`Remove ${item.text}`} onClick={() => call(remove({ id: item.id }))}>
              ✕
            </button>
          </li>
        ))}
        {rows.length === 0 && <li className="empty">Nothing yet.</li>}
      </ul>
      <footer>
        Change a reducer in <code>src/module.ts</code> and save: this page goes on with it.
      </footer>
    </main>
  );
}
