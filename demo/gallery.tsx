/** The front page: what there is to see, and what to try there. */

import type { ReactElement } from 'react';
import { Bar, render } from './ui/page.tsx';
import './gallery.css';

render(
  <div className="page">
    <Bar />
    <main className="width gallery">
      <h1>The same reducers, on the server and ahead of it</h1>
      <p className="lead">
        Each demo is one module of tables and reducers. Node runs it as the authority; every page runs it too, in a
        worker over SQLite, so that a change is there before the server has heard of it. Open a demo in two windows,
        turn the latency up, and see what happens.
      </p>
      <ul className="demos">
        <Demo path="/chat/" name="Chat" picture={<ChatPicture />}>
          <p>The first tutorial’s chat: people who are there or not, and what they say.</p>
          <ul>
            <li>At 1,000 ms a message stands there at once, dashed until the server has it.</li>
            <li>Go offline, write, come back: it arrives, once.</li>
            <li>In a private window, take the name that the first one has: it is taken back, with the reason.</li>
          </ul>
        </Demo>
        <Demo path="/flights/" name="Flights" picture={<FlightsPicture />}>
          <p>200,000 flights of one year on an operations board, every figure plain SQL in the page.</p>
          <ul>
            <li>Correct a delay: list, hours and figures follow before the server answers.</li>
            <li>Enter 9999: refused, with the reason.</li>
            <li>Change one flight in two windows at once: the second is told.</li>
          </ul>
        </Demo>
      </ul>
    </main>
  </div>,
);

function Demo({
  path,
  name,
  picture,
  children,
}: {
  readonly path: string;
  readonly name: string;
  readonly picture: ReactElement;
  readonly children: readonly ReactElement[];
}): ReactElement {
  return (
    <li>
      {picture}
      <h2>
        <a href={path}>{name}</a>
      </h2>
      {children}
    </li>
  );
}

function ChatPicture(): ReactElement {
  return (
    <svg viewBox="0 0 320 110" aria-hidden="true">
      <rect className="line" x="16" y="14" width="130" height="24" rx="12" />
      <rect className="fill" x="190" y="44" width="114" height="24" rx="12" />
      <rect className="ahead" x="150" y="74" width="154" height="24" rx="12" />
    </svg>
  );
}

const bars = [6, 3, 2, 2, 12, 60, 66, 70, 64, 68, 72, 74, 70, 72, 66, 40, 28, 10];

function FlightsPicture(): ReactElement {
  return (
    <svg viewBox="0 0 320 110" aria-hidden="true">
      {bars.map((height, i) => (
        <rect
          // biome-ignore lint/suspicious/noArrayIndexKey: a picture
          key={i}
          className={i === 12 ? 'ahead' : 'fill'}
          x={16 + i * 16}
          y={98 - height}
          width="12"
          height={height}
          rx="3"
        />
      ))}
    </svg>
  );
}
