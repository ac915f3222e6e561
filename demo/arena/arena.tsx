/** The arena's page: the canvas, who leads, and how the own ship does. */

import { useClient, useLive, useStatus } from 'forerun/react';
import { type ReactElement, useEffect, useRef, useState } from 'react';
import { user } from '../ui/embedding.ts';
import { Game, type GameFigures } from './game.ts';
import { Input } from './input.ts';
import type * as arena from './module.ts';
import './arena.css';

const leadersShown = 8;

export function Arena(): ReactElement {
  const client = useClient<typeof arena>();
  const { ready } = useStatus();
  const canvas = useRef<HTMLCanvasElement>(null);
  const input = useRef<Input>(undefined);
  const [figures, setFigures] = useState<GameFigures>();

  useEffect(() => {
    if (canvas.current === null || !ready) return;
    const keys = new Input(canvas.current);
    const name = user.profile ?? `Guest ${Math.ceil(Math.random() * 99)}`;
    const game = new Game(client, canvas.current, keys, name, setFigures);
    input.current = keys;
    canvas.current.focus({ preventScroll: true });
    return () => {
      game.close();
      keys.close();
    };
  }, [client, ready]);

  return (
    <div className="arena">
      <canvas
        ref={canvas}
        tabIndex={0}
        role="img"
        aria-label="The arena. W, A, S, D or arrow keys steer, space shoots at whoever is near."
      />
      <Board />
      <p className="health" role="status" data-place={figures?.place ?? 'entering'}>
        {figures === undefined ? 'Entering …' : described(figures)}
      </p>
      <p className="keys soft small">WASD or arrows steer · mouse aims and shoots, or space</p>
      <button
        className="fire"
        type="button"
        aria-label="Fire at whoever is near"
        onPointerDown={() => hold(input.current, true)}
        onPointerUp={() => hold(input.current, false)}
        onPointerCancel={() => hold(input.current, false)}
      >
        Fire
      </button>
      {figures !== undefined && (
        <dl className="frames small">
          <div>
            <dd data-figure="frames">{figures.framesPerSecond}</dd>
            <dt>frames/s</dt>
          </div>
          <div title="Of the slowest of twenty frames">
            <dd data-figure="work">{figures.workMs.toFixed(1)}</dd>
            <dt>ms of work</dt>
          </div>
          <div title="The server's: what it does for ships that nobody steers">
            <dd data-figure="ticks">{figures.ticksPerSecond.toFixed(0)}</dd>
            <dt>ticks/s</dt>
          </div>
          <div title="The server moved your ship: somebody touched it, or saw it elsewhere">
            <dd data-figure="own corrections">{figures.ownCorrections}</dd>
            <dt>corrections</dt>
          </div>
        </dl>
      )}
    </div>
  );
}

function described({ place, health }: GameFigures): string {
  switch (place) {
    case 'entering':
      return 'Entering …';
    case 'refused':
      return 'The arena is full – trying again';
    case 'out':
      return 'You are out – back in a moment';
    case 'flying':
      return `Health ${health}`;
  }
}

function hold(input: Input | undefined, isFiring: boolean): void {
  if (input === undefined) return;
  input.pointer = undefined;
  input.isFiring = isFiring;
}

function Board(): ReactElement {
  const me = useStatus().identity;
  const { pilot } = useClient<typeof arena>().tables;
  const here = pilot.where((p) => p.goneAtMs.eq(0));
  const best = useLive(here.orderBy((p) => [p.score.desc(), p.name]).limit(leadersShown));
  return (
    <section className="leaders" aria-label="Scores">
      <ol>
        {best.map(({ identity, name, score }) => (
          <li key={identity.toHexString()} data-own={identity.toHexString() === me}>
            <span className="name">{name}</span>
            <span className="score">{score}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
