/** What every `Transport` has to do, with whatever carries it; each implementation's tests run it. */

import { describe, expect, test, vi } from 'vitest';
import type { Transport, TransportEvents } from '../../core/protocol/transport.ts';

export interface TransportPair {
  readonly near: Transport;
  readonly far: Transport;
}

/** `make` connects two ends; each tells its events. What it needs to stop afterwards, it stops by itself. */
export function describeTransport(
  name: string,
  make: (near: TransportEvents, far: TransportEvents) => Promise<TransportPair>,
): void {
  describe(name, () => {
    /** Two connected ends, and what each has heard: frames, and `closed`. */
    const connect = async () => {
      const heard = { near: [] as (number[] | 'closed')[], far: [] as (number[] | 'closed')[] };
      const listen = (end: 'near' | 'far'): TransportEvents => ({
        receive: (frame) => heard[end].push([...frame]),
        closed: () => heard[end].push('closed'),
      });
      return { heard, ...(await make(listen('near'), listen('far'))) };
    };
    const ends = [
      ['near', 'far'],
      ['far', 'near'],
    ] as const;

    test('frames arrive whole and in order, either way', async () => {
      const { near, far, heard } = await connect();
      const frames = Array.from({ length: 200 }, (_, n) => Uint8Array.from([n, n >> 1, ...Array(n % 7).fill(n)]));
      for (const frame of frames) {
        near.send(frame);
        far.send(frame);
      }
      const expected = frames.map((frame) => [...frame]);
      await vi.waitFor(() => expect(heard).toEqual({ near: expected, far: expected }));
      near.close();
    });

    test('what was sent arrives as it was, whatever the sender then does with its bytes', async () => {
      const { near, far, heard } = await connect();
      const bytes = new Uint8Array(3_000);
      for (const end of [near, far]) {
        for (let n = 0; n < 50; n++) end.send(bytes.fill(n).subarray());
        bytes.fill(255);
      }
      const fills = Array.from({ length: 50 }, (_, n) => n);
      const first = (frame: number[] | 'closed'): unknown =>
        frame !== 'closed' && new Set(frame).size === 1 ? frame[0] : frame;
      await vi.waitFor(() => expect([heard.near.map(first), heard.far.map(first)]).toEqual([fills, fills]));
      near.close();
    });

    test('a frame of a few megabytes arrives as it was', async () => {
      const { near, heard } = await connect();
      near.send(new Uint8Array(3_000_000).fill(7));
      await vi.waitFor(() => expect(heard.far.length).toBe(1), 5_000);
      const [frame] = heard.far;
      expect(frame?.length).toBe(3_000_000);
      expect(new Set<unknown>(frame)).toEqual(new Set([7]));
      near.close();
    });

    for (const [closer, other] of ends) {
      test(`[WIR-8] when the ${closer} end closes, both are told once, after all that was sent before`, async () => {
        const { heard, ...pair } = await connect();
        for (let n = 0; n < 50; n++) pair[closer].send(Uint8Array.of(n));
        pair[closer].close();
        pair[closer].close();
        await vi.waitFor(() => expect([heard.near.at(-1), heard.far.at(-1)]).toEqual(['closed', 'closed']));
        expect(heard[other]).toEqual([...Array.from({ length: 50 }, (_, n) => [n]), 'closed']);
        expect(heard[closer]).toEqual(['closed']);
      });

      test(`[WIR-8] the ${closer} end receives nothing once it has closed, and sends nothing`, async () => {
        const { heard, ...pair } = await connect();
        for (let n = 0; n < 50; n++) pair[other].send(Uint8Array.of(n));
        pair[closer].close();
        pair[closer].send(Uint8Array.of(1));
        await vi.waitFor(() => expect([heard.near.at(-1), heard.far.at(-1)]).toEqual(['closed', 'closed']));
        expect(heard[closer]).toEqual(['closed']);
        expect(heard[other]).toEqual(['closed']);
        pair[other].send(Uint8Array.of(2));
        pair[other].close();
        expect(pair[other].bufferedBytes()).toBe(0);
      });
    }

    test('what is sent counts as buffered until it has been handed on', async () => {
      const { near, heard } = await connect();
      expect(near.bufferedBytes()).toBe(0);
      near.send(new Uint8Array(100_000));
      expect(near.bufferedBytes()).toBeGreaterThanOrEqual(100_000);
      await vi.waitFor(() => expect([near.bufferedBytes(), heard.far.length]).toEqual([0, 1]));
      near.close();
    });
  });
}
