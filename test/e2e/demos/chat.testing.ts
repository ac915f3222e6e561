import type { Page } from 'playwright';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Demos, firstSight, replica } from './demos.testing.ts';
import type { Story } from './story.testing.ts';
import { eventually, followCalls, offline, settled } from './waits.testing.ts';

const people = 'SELECT hex(identity) AS identity, name FROM user ORDER BY identity';
const messages = 'SELECT hex(sender) AS sender, sent, text FROM message ORDER BY sent, sender, text';

export function chat(demos: () => Demos): Story {
  let ada: Page;
  let bob: Page;

  const say = async (page: Page, text: string): Promise<void> => {
    await page.getByLabel('Message', { exact: true }).fill(text);
    await page.keyboard.press('Enter');
  };
  const takeName = async (page: Page, name: string): Promise<void> => {
    await page.getByLabel('Your name').fill(name);
    await page.keyboard.press('Enter');
  };
  const heard = (page: Page, text: string) => page.locator('.message .text').filter({ hasText: text });

  describe('the chat', () => {
    beforeAll(async () => {
      [ada, bob] = await demos().openTwo('/chat/', 'Ada', 'Bob');
    });

    test('a message is there at once for who wrote it, as pending, and later for the other', async () => {
      const own = firstSight(ada, '.message', 'Good morning');
      const other = firstSight(bob, '.message', 'Good morning');
      await say(ada, 'Good morning');
      expect((await own).state).toBe('pending');
      expect((await other).state).toBe('confirmed');
      expect((await other).at).toBeGreaterThan((await own).at);
      await ada.locator('.message[data-state=confirmed]', { hasText: 'Good morning' }).waitFor();
    });

    test('messages written offline survive a reload, and arrive once', async () => {
      const kept = await followCalls(ada, 'chat');
      await offline(ada).click();
      for (const text of ['one', 'two', 'three']) await say(ada, text);
      await ada.locator('.message[data-state=pending]', { hasText: 'three' }).waitFor();
      await kept();
      // The network is there again for the new page.
      await ada.reload();
      await bob.getByText('three', { exact: true }).waitFor();
      const texts = (await replica(bob, 'chat', messages)).map(({ text }) => text);
      // Two may be of one time, by which the query orders them.
      expect(texts.toSorted()).toEqual(['Good morning', 'one', 'three', 'two']);
      await settled(ada);
    });

    test('a message that the network loses is there at once, and arrives once', async () => {
      demos().wire.lose('chat');
      await say(ada, 'Is this on?');
      await ada.locator('.message[data-state=pending]', { hasText: 'Is this on?' }).waitFor();
      demos().wire.cut('chat');
      await heard(bob, 'Is this on?').waitFor();
      await settled(ada, bob);
      for (const page of [ada, bob]) expect(await heard(page, 'Is this on?').count()).toBe(1);
    });

    test('what the authority rejects is taken back, with the reason', async () => {
      await offline(bob).click();
      await takeName(bob, 'Ada');
      await bob.locator('.people li', { hasText: 'Ada (you)' }).waitFor();
      await takeName(ada, 'Ada');
      await settled(ada);
      await offline(bob).click();
      await bob.getByText('Ada is taken.').waitFor();
      await settled(bob);
      expect(await bob.locator('.people li', { hasText: 'Ada' }).allTextContents()).toEqual(['Ada']);
      expect(await bob.getByLabel('Your name').inputValue()).toBe('');
    });

    test('a message that the reducer refuses says why, and can be put aside', async () => {
      await say(ada, ' ');
      await ada.getByText('Not sent: There is nothing to send.').waitFor();
      await settled(ada);
      await ada.getByRole('button', { name: 'Dismiss' }).click();
      expect(await ada.getByText('Not sent').count()).toBe(0);
      expect(await bob.getByText('Not sent').count()).toBe(0);
    });

    test('who looks away is told how much they have missed, also after a reload, until they look', async () => {
      await bob.evaluate("sessionStorage.setItem('away', ''); document.hasFocus = () => false;");
      await say(ada, 'Bob?');
      await say(ada, 'Are you there?');
      await bob.getByText('2 unread', { exact: true }).waitFor();
      expect(await bob.title()).toBe('(2) Chat – Forerun');
      expect(await ada.title()).toBe('Chat – Forerun');
      await bob.reload();
      await bob.getByText('2 unread', { exact: true }).waitFor();
      await bob.evaluate(
        "sessionStorage.removeItem('away'); document.hasFocus = () => true; dispatchEvent(new Event('focus'));",
      );
      await eventually(() => bob.title()).toBe('Chat – Forerun');
      expect(await bob.getByText('unread').count()).toBe(0);
    });
  });

  return {
    demo: 'chat',
    pages: () => [ada, bob],
    whileAway: async () => {
      await say(ada, 'Where is everybody?');
      await ada.locator('.message[data-state=pending]', { hasText: 'Where is everybody?' }).waitFor();
    },
    afterwards: async () => {
      await heard(bob, 'Where is everybody?').waitFor();
      await settled(ada, bob);
      for (const page of [ada, bob]) expect(await heard(page, 'Where is everybody?').count()).toBe(1);
    },
    rows: [people, messages],
    moving: [],
  };
}
