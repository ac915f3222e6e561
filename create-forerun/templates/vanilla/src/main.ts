import { client, items } from './client.ts';

const root = document.getElementById('root') as HTMLElement;
root.innerHTML = `
  <main>
    <header>
      <h1>my_first_app</h1>
      <span class="status">Connecting …</span>
    </header>
    <form>
      <input type="text" aria-label="New item" placeholder="What is to be done?" />
      <button type="submit">Add</button>
    </form>
    <p class="wrong" role="alert"></p>
    <ul></ul>
    <footer>Change a reducer in <code>src/module.ts</code> and save: this page goes on with it.</footer>
  </main>`;

function find<E extends Element>(selector: string): E {
  const element = root.querySelector<E>(selector);
  if (!element) throw new Error(`There is no ${selector}.`);
  return element;
}
const form = find<HTMLFormElement>('form');
const input = find<HTMLInputElement>('form input');
const status = find<HTMLElement>('.status');
const wrong = find<HTMLElement>('.wrong');
const list = find<HTMLElement>('ul');

/** The call shows at once. When the server refuses it, it is taken back, and says why. */
function call(handle: PromiseLike<unknown>): void {
  handle.then(
    () => (wrong.textContent = ''),
    (error: Error) => (wrong.textContent = error.message),
  );
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  call(client.reducers.add({ text: input.value }));
  input.value = '';
});

client.onStatus(() => {
  const { status: now } = client;
  status.toggleAttribute('data-live', now.type === 'live');
  status.textContent = now.type === 'live' ? 'Live' : now.type === 'stopped' ? now.message : 'Connecting …';
});

// Calls back when the result changes.
const live = client.live(items);
live.subscribe(() => list.replaceChildren(...live.rows.map(row)));

function row(item: (typeof live.rows)[number]): HTMLElement {
  const element = document.createElement('li');
  element.classList.toggle('done', item.done);
  element.innerHTML = '<label><input type="checkbox" /><span></span></label><button type="button">✕</button>';
  const [box, text, button] = ['input', 'span', 'button'].map((name) => element.querySelector(name));
  if (!(box instanceof HTMLInputElement) || !(button instanceof HTMLButtonElement) || !text) return element;
  box.checked = item.done;
  box.addEventListener('change', () => call(client.reducers.toggle({ id: item.id })));
  text.textContent = item.text;
  button.setAttribute('aria-label', `Remove ${item.text}`);
  button.addEventListener('click', () => call(client.reducers.remove({ id: item.id })));
  return element;
}
