import type { Page } from 'playwright';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Demos } from './demos.testing.ts';
import type { Story } from './story.testing.ts';
import { eventually, followCalls, offline, settled } from './waits.testing.ts';

export function pad(demos: () => Demos): Story {
  let ann: Page;
  let ben: Page;

  const text = (page: Page) => page.locator('.cm-line').allTextContents();
  const written = async (page: Page): Promise<string> => (await text(page)).join('\n');
  const letters = (page: Page) => page.locator('[data-size]').getAttribute('data-size');
  const write = async (page: Page, words: string): Promise<void> => {
    await page.locator('.cm-content').focus();
    await page.keyboard.press('Control+End');
    await page.keyboard.type(words);
  };

  describe('the pad', () => {
    beforeAll(async () => {
      [ann, ben] = await demos().openTwo('/pad/', 'Ann', 'Ben');
    });

    test('what two write at once in one place is there for both, unmixed', async () => {
      await write(ann, 'Once. ');
      await eventually(() => text(ben)).toEqual(['Once. ']);
      await Promise.all([write(ann, 'Ann writes this. '), write(ben, 'Ben writes that. ')]);
      await settled(ann, ben);
      await eventually(() => text(ann)).toEqual(await text(ben));
      const [line = ''] = await text(ann);
      expect(line).toContain('Ann writes this. ');
      expect(line).toContain('Ben writes that. ');
    });

    test('each sees the other’s cursor, by name', async () => {
      await write(ben, '!');
      await ann.locator('.others-caret[data-name=Ben]').waitFor();
    });

    test('undo takes back what one has written oneself, and nothing else', async () => {
      await write(ann, 'Ann again. ');
      await eventually(() => written(ben)).toContain('Ann again. ');
      await write(ben, 'Ben again. ');
      await eventually(() => written(ann)).toContain('Ben again. ');
      await ann.locator('.cm-content').focus();
      await ann.keyboard.press('Control+z');
      await eventually(() => written(ben)).not.toContain('Ann again. ');
      expect(await written(ben)).toContain('Ben again. ');
    });

    test('what is written offline survives a reload, and is merged when the network is back', async () => {
      const kept = await followCalls(ben, 'pad');
      await offline(ben).click();
      await write(ben, '\nFrom the train.');
      await write(ann, ' In the office.');
      await settled(ann);
      expect(await written(ben)).not.toContain('In the office.');
      await kept();
      // The network is there again for the new page.
      await ben.reload();
      await settled(ann, ben);
      await eventually(() => written(ann)).toContain('From the train.');
      await eventually(() => text(ben)).toEqual(await text(ann));
      expect(await written(ann)).toContain('In the office.');
    });

    test('what the network loses is there at once, and arrives once', async () => {
      demos().wire.lose('pad');
      await write(ann, ' Lost words.');
      await eventually(() => written(ann)).toContain('Lost words.');
      demos().wire.cut('pad');
      await eventually(() => written(ben)).toContain('Lost words.');
      await settled(ann, ben);
      for (const page of [ann, ben]) expect((await written(page)).split('Lost words.')).toHaveLength(2);
    });

    test('a letter takes no longer in ten thousand lines', async () => {
      await offline(ann).click();
      await ann.locator('.cm-content').focus();
      const keyMs = (): Promise<number> =>
        ann.evaluate(async () => {
          const view = document.querySelector<HTMLElement>('.cm-content');
          const before = performance.now();
          view?.ownerDocument.execCommand('insertText', false, 'x');
          return performance.now() - before;
        });
      await ann.evaluate((lines) => {
        const data = new DataTransfer();
        data.setData('text/plain', lines);
        document
          .querySelector('.cm-content')
          ?.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }));
      }, 'It was a line like any other line.\n'.repeat(10_000));
      await ann.getByText('10,00', { exact: false }).first().waitFor();
      const times: number[] = [];
      for (let i = 0; i < 20; i++) times.push(await keyMs());
      // Calm: a frame has 16 ms, and this machine does much else.
      expect(times.toSorted((a, b) => a - b)[10]).toBeLessThan(100);
      await offline(ann).click();
      await settled(ann, ben);
    });
  });

  return {
    demo: 'pad',
    pages: () => [ann, ben],
    whileAway: async () => {
      await write(ann, 'Nobody answers.');
      await eventually(() => written(ann)).toContain('Nobody answers.');
    },
    afterwards: async () => {
      await write(ben, ' I do.');
      await settled(ann, ben);
      await eventually(() => written(ben)).toContain('Nobody answers.');
      await eventually(() => letters(ann)).toBe(await letters(ben));
    },
    rows: ['SELECT id, text FROM chunk ORDER BY id'],
    moving: [],
  };
}
