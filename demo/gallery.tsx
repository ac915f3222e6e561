/**
 * The front page: every demo as two people see it, side by side, with one network for all to make bad, and what becomes
 * of each call.
 */

import { type ReactElement, type RefObject, useCallback, useEffect, useRef, useState } from 'react';
import type { ToFrame } from './ui/embedding.ts';
import { CallStrip, useCallStrip } from './ui/call-strip.tsx';
import { Latency, Switch } from './ui/network.tsx';
import { Bar, render } from './ui/page.tsx';
import './gallery.css';

const users = ['Ada', 'Bob'] as const;

const shows = [
  {
    path: '/arena/',
    name: 'Arena',
    what: 'A game. Your own ship answers at once at any latency; shots are judged on what the shooter saw.',
  },
  {
    path: '/pad/',
    name: 'Pad',
    what: 'One text, written by all at once. Take somebody offline, write on both sides, and let them come back.',
  },
  {
    path: '/flights/',
    name: 'Flights',
    what: '200,000 flights in each page. Correct a delay: figures, charts and list follow before the server answers.',
  },
  {
    path: '/chat/',
    name: 'Chat',
    what: 'The first tutorial. Messages written offline wait, and arrive once.',
  },
] as const;

interface Network {
  readonly latencyMs: number;
  readonly prediction: boolean;
}

render(<Gallery />);

function Gallery(): ReactElement {
  const [network, setNetwork] = useState<Network>({ latencyMs: 200, prediction: true });
  return (
    <div className="page">
      <Bar />
      <section className="network" aria-label="Simulated network, for all">
        <div className="width">
          <Latency latencyMs={network.latencyMs} onChange={(latencyMs) => setNetwork({ ...network, latencyMs })} />
          <Switch
            label="Prediction"
            on={network.prediction}
            onChange={(prediction) => setNetwork({ ...network, prediction })}
          />
        </div>
      </section>
      <main className="gallery">
        <div className="intro">
          <h1>The same reducers, on the server and ahead of it</h1>
          <p className="lead">
            A module is tables and reducers. The server runs it as the authority; every page runs it too, so a change is
            there before the server has heard of it. Make the network slow, take somebody offline, and see what happens.
          </p>
        </div>
        <ul className="shows">
          {shows.map((show) => (
            <li key={show.path}>
              <Show {...show} network={network} />
            </li>
          ))}
        </ul>
      </main>
    </div>
  );
}

function Show({
  path,
  name,
  what,
  network,
}: {
  readonly path: string;
  readonly name: string;
  readonly what: string;
  readonly network: Network;
}): ReactElement {
  const section = useRef<HTMLElement>(null);
  const isNear = useIsNear(section);
  return (
    <section ref={section} className="show" aria-label={name}>
      <header>
        <h2>
          <a href={path}>{name}</a>
        </h2>
        <p className="soft">{what}</p>
      </header>
      <div className="pair">
        {users.map((user) => (
          <Frame key={user} path={path} name={name} user={user} network={network} isShown={isNear} />
        ))}
      </div>
    </section>
  );
}

/** Each frame is a page with a replica of its own: it is opened when it is about to be seen, and stays. */
function useIsNear(section: RefObject<HTMLElement | null>): boolean {
  const [isNear, setNear] = useState(false);
  useEffect(() => {
    if (section.current === null || isNear) return;
    const observer = new IntersectionObserver((entries) => {
      if (entries.some(({ isIntersecting }) => isIntersecting)) setNear(true);
    });
    observer.observe(section.current);
    return () => observer.disconnect();
  }, [section, isNear]);
  return isNear;
}

function Frame({
  path,
  name,
  user,
  network,
  isShown,
}: {
  readonly path: string;
  readonly name: string;
  readonly user: string;
  readonly network: Network;
  readonly isShown: boolean;
}): ReactElement {
  const frame = useRef<HTMLIFrameElement>(null);
  const [offline, setOffline] = useState(false);
  const source = useCallback(() => frame.current?.contentWindow ?? null, []);
  const { calls, isReady } = useCallStrip(source);
  useEffect(() => {
    if (!isReady) return;
    const message: ToFrame = { type: 'simulate', simulation: { ...network, offline } };
    source()?.postMessage(message, location.origin);
  }, [network, offline, isReady, source]);
  return (
    <figure className="seat" data-offline={offline}>
      <figcaption>
        <span className="who">{user}</span>
        <Switch label="Offline" on={offline} onChange={setOffline} />
      </figcaption>
      {isShown ? (
        <iframe ref={frame} title={`${name}, as ${user} sees it`} src={`${path}?user=${user}`} />
      ) : (
        <div className="unopened" />
      )}
      <CallStrip calls={calls} label={`${user}’s calls`} />
    </figure>
  );
}
