/** How the arena's page shows ships whose rows are corrected, and which times it shows. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Ship } from '../../demo/arena/module.ts';
import { jumpUnits, Smoothing } from '../../demo/arena/smoothing.ts';
import { Timing } from '../../demo/arena/timing.ts';
import { placeAt, shipSpeed, turned } from '../../demo/arena/world.ts';
import { CallHandle } from '../../worker/client/call-handle.ts';

const startMs = 1_767_225_600_000;
const frameMs = 16;
const still: Ship = {
  id: 1,
  name: 'Ada',
  isDrone: false,
  x: 1_000,
  y: 600,
  vx: 0,
  vy: 0,
  atMs: startMs,
  past: [],
  health: 100,
  outUntilMs: 0,
};

function steered(row: Ship, atMs: number, vx: number, vy: number): Ship {
  const way = turned(row, atMs, { vx, vy });
  return { ...row, ...way, past: [...way.past] };
}

test('a ship that turns moves on from where it is shown, and that is no correction', () => {
  const smoothing = new Smoothing();
  const right = steered(still, startMs, shipSpeed, 0);
  let before = smoothing.place(right, startMs + 100, frameMs, true);
  const down = steered(right, startMs + 100, 0, shipSpeed);
  for (let atMs = startMs + 100; atMs < startMs + 300; atMs += frameMs) {
    const place = smoothing.place(down, atMs, frameMs, true);
    expect(Math.hypot(place.x - before.x, place.y - before.y)).toBeLessThanOrEqual(
      (shipSpeed * frameMs) / 1_000 + 1e-6,
    );
    before = place;
  }
  expect(smoothing.ownCorrections).toBe(0);
});

test('a correction is counted, moves the ship in small steps, and has faded after half a second', () => {
  const smoothing = new Smoothing();
  const from = smoothing.place(still, startMs, frameMs, true);
  const corrected = { ...still, x: still.x + 100 };
  let before = from;
  let widest = 0;
  for (let atMs = startMs; atMs <= startMs + 500; atMs += frameMs) {
    const place = smoothing.place(corrected, atMs, frameMs, true);
    widest = Math.max(widest, Math.hypot(place.x - before.x, place.y - before.y));
    before = place;
  }
  expect(smoothing.ownCorrections).toBe(1);
  expect(widest).toBeLessThan(20);
  expect(Math.abs(before.x - corrected.x)).toBeLessThan(2);
});

test('however often it is corrected, a ship is never shown further from where it is than a jump', () => {
  const corrections = fc.array(
    fc.record({ x: fc.integer({ min: -250, max: 250 }), y: fc.integer({ min: -250, max: 250 }) }),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(corrections, (all) => {
      const smoothing = new Smoothing();
      let row = still;
      smoothing.place(row, startMs, frameMs, true);
      for (const { x, y } of all) {
        row = { ...row, x: 1_000 + x, y: 700 + y };
        const shown = smoothing.place(row, startMs, frameMs, true);
        const place = placeAt(row, startMs);
        expect(Math.hypot(shown.x - place.x, shown.y - place.y)).toBeLessThanOrEqual(jumpUnits);
      }
    }),
  );
});

test('others are shown at a time of which news has come, and neither time ever jumps', async () => {
  const timing = new Timing();
  let nowMs = 5_000;
  const answer = async (roundTripMs: number): Promise<void> => {
    const call = new CallHandle('steer', {});
    timing.learn(call, () => nowMs);
    call.advance({
      type: 'predicted',
      prediction: { type: 'predicted', changedRows: 1 },
      timestampMicros: (startMs + nowMs) * 1_000,
    });
    await call.predicted;
    nowMs += roundTripMs;
    call.advance({ type: 'confirmed', seq: 1, asPredicted: true, replays: 0 });
    await call;
  };
  await answer(100);
  let before = timing.at(nowMs);
  for (const roundTripMs of [100, 400, 400, 400, 400, 400, 400]) {
    await answer(roundTripMs);
    for (let i = 0; i < 20; i++) {
      nowMs += frameMs;
      const times = timing.at(nowMs);
      if (times === undefined || before === undefined) throw new Error('the time is known');
      expect(times.othersMs).toBeLessThan(times.ownMs);
      expect(times.ownMs).toBeGreaterThan(before.ownMs);
      before = times;
    }
  }
  expect((before?.ownMs ?? 0) - (before?.othersMs ?? 0)).toBeGreaterThan(100);
});
