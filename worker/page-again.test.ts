/** What a page may ask of its host: joining it again, as tabs do when a leader says a second time that it leads; calls that it has not checked. */

import { expect, test } from 'vitest';
import { defineModule } from '../core/module/module.ts';
import type { HostEvent } from './client/host-api.ts';
import { Desk, deskModule, deskOptions } from './desk.testing.ts';

test('[TAB-3] a call that a page makes again at a host which has it from that page takes effect once', async () => {
  const desk = await Desk.open();
  const { hosts, client } = await desk.seat();
  client.reducers.put({ id: 1, text: 'one' });
  await desk.time.advance(100);
  const { reducers } = defineModule(deskModule);
  const bump = reducers.findIndex(({ accessor }) => accessor === 'bump');
  const join = async (told: HostEvent[]) => {
    const page = hosts.page();
    await page.open({ ...deskOptions, pageId: 'tab' }, (events) => told.push(...events));
    return page;
  };
  const [before, after]: [HostEvent[], HostEvent[]] = [[], []];
  const first = await join(before);
  first.simulate({ latencyMs: 50 });
  first.call({ handleId: 1, reducerId: bump, args: { id: 1 }, again: false });
  const second = await join(after);
  second.call({ handleId: 1, reducerId: bump, args: { id: 1 }, again: true });
  await desk.time.advance(100);
  expect(desk.home.rows('item')).toEqual([{ id: 1, text: 'one', count: 1 }]);
  const confirmed = after.filter((event) => event.type === 'call' && event.progress.type === 'confirmed');
  expect(confirmed).toMatchObject([{ handleId: 1 }]);
});

test("[CLI-14] a page that has not checked a call's arguments is told what is wrong with them", async () => {
  const desk = await Desk.open();
  const { hosts } = await desk.seat();
  const { reducers } = defineModule(deskModule);
  const put = reducers.findIndex(({ accessor }) => accessor === 'put');
  const told: HostEvent[] = [];
  const page = hosts.page();
  await page.open({ ...deskOptions, pageId: 'tab' }, (events) => told.push(...events));
  page.call({ handleId: 1, reducerId: put, args: { id: 1, text: 5 }, again: false });
  page.call({ handleId: 2, reducerId: put, args: undefined, again: false });
  await desk.time.advance(100);
  const refusals = told.flatMap((event) => (event.type === 'call' ? [event] : []));
  expect(refusals).toEqual([
    refusal(1, 'put.text: expected string, got number 5'),
    refusal(2, expect.stringContaining('put: expected')),
  ]);
  expect(desk.home.rows('item')).toEqual([]);

  function refusal(handleId: number, message: string): HostEvent {
    return { type: 'call', handleId, progress: { type: 'rejected', rejection: { code: 'args-invalid', message } } };
  }
});
