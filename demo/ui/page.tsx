/** The frame of every demo: bar, network controls, the demo itself, and how the client stands. */

import type { ModuleExports } from 'forerun';
import type { Client } from 'forerun/client';
import { ForerunProvider } from 'forerun/react';
import { type ReactElement, type ReactNode, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { embed, isEmbedded } from './embedding.ts';
import { Network } from './network.tsx';
import { Status } from './status.tsx';
import './ui.css';

const demos = [
  { path: '/arena/', name: 'Arena' },
  { path: '/pad/', name: 'Pad' },
  { path: '/flights/', name: 'Flights' },
  { path: '/chat/', name: 'Chat' },
];

export interface Demo<M extends ModuleExports> {
  readonly title: string;
  readonly client: Client<M>;
  readonly content: ReactNode;
  /** As high as the window: it scrolls inside. */
  readonly fixed?: boolean;
  /** Reducers that are called many times a second for a sign: the gallery does not list them. */
  readonly signs?: readonly string[];
}

/** Puts a demo on the page. */
export function show<M extends ModuleExports>({ title, client, content, fixed = false, signs = [] }: Demo<M>): void {
  if (isEmbedded) embed(client, signs);
  document.documentElement.toggleAttribute('data-embedded', isEmbedded);
  render(
    <ForerunProvider client={client}>
      <div className={fixed ? 'page fixed' : 'page'}>
        {!isEmbedded && <Bar />}
        {!isEmbedded && <Network />}
        <main className="width">
          <h1 className="hidden">{title}</h1>
          {content}
        </main>
        <Status />
      </div>
    </ForerunProvider>,
  );
}

/** Puts anything on the page. */
export function render(content: ReactNode): void {
  const app = document.getElementById('app');
  if (app === null) throw new Error('The page has no element with the id app.');
  createRoot(app).render(<StrictMode>{content}</StrictMode>);
}

export function Bar(): ReactElement {
  return (
    <header className="bar">
      <div className="width">
        <a className="brand" href="/">
          <Mark />
          Forerun
        </a>
        <nav aria-label="Demos">
          <ul>
            {demos.map(({ path, name }) => (
              <li key={path}>
                <a href={path} aria-current={location.pathname === path ? 'page' : undefined}>
                  {name}
                </a>
              </li>
            ))}
          </ul>
        </nav>
      </div>
    </header>
  );
}

/** A dot and its echo ahead of it. */
function Mark(): ReactElement {
  return (
    <svg width="22" height="22" viewBox="0 0 22 22" aria-hidden="true">
      <circle cx="7" cy="11" r="5" fill="currentColor" />
      <circle cx="15" cy="11" r="5" fill="none" stroke="currentColor" strokeWidth="1.5" strokeDasharray="3 2.2" />
    </svg>
  );
}
