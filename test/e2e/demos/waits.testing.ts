/** What the demos' tests wait for. */

import type { Page } from 'playwright';
import { expect } from 'vitest';

/** Until a busy machine has come that far. */
export const eventually: typeof expect.poll = (read, options) => expect.poll(read, { timeout: 45_000, ...options });

export const offline = (page: Page): ReturnType<Page['getByRole']> => page.getByRole('switch', { name: 'Offline' });

/** Until the authority has answered all that these pages have called. */
export async function settled(...pages: readonly Page[]): Promise<void> {
  for (const page of pages) {
    await page.getByText('Live', { exact: true }).waitFor();
    await page.locator('[data-count=pending]', { hasText: /^0$/ }).waitFor();
  }
}

/**
 * Follows the calls of a page. The result resolves when this device keeps all that it has made since: a reload loses none
 * of it.
 */
export async function followCalls(page: Page, demo: string): Promise<() => Promise<void>> {
  const calls = await page.evaluateHandle(`import('/${demo}/client.ts').then(({ client }) => {
    const made = new Set();
    client.onCall((call) => made.add(call));
    return { kept: () => Promise.all([...made].map((call) => call.stored)).then(() => made.size) };
  })`);
  return async () => {
    const made = await calls.evaluate((followed) => (followed as { readonly kept: () => Promise<number> }).kept());
    expect(made).toBeGreaterThan(0);
  };
}
