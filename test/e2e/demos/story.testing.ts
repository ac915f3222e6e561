/** One demo, as two people use it in the tests: its own story, and its part in what befalls all demos together. */

import type { Page } from 'playwright';

export interface Story {
  readonly demo: string;
  /** The windows of the two. */
  readonly pages: () => readonly [Page, Page];
  /** What the first does while there is no server, and sees at once. */
  readonly whileAway: () => Promise<void>;
  /** What the second sees of it when the server is back. */
  readonly afterwards: () => Promise<void>;
  /** Rows that both replicas and the authority have to agree on in the end, as its file has them. */
  readonly rows: readonly string[];
  /** Those that change on their own for as long as there are pages: the authority is asked for them. The key comes first. */
  readonly moving: readonly { readonly table: string; readonly columns: readonly string[] }[];
}
