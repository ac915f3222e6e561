/**
 * Signing out: what a host has on the device goes, and the hosts that have the same end with it.
 *
 * Law: pages are told that it is wiped when it is, and not before: the page that has the host's worker ends it then.
 */

import { type ErrorCode, ForerunError } from '../core/errors.ts';
import type { Device } from './device.ts';
import type { WipeNews } from './start.ts';

export interface WipingOptions {
  readonly replica: string;
  readonly device: Device;
  readonly news: WipeNews | undefined;
  /** Nothing is sent any more, for this reason. */
  readonly stop: (code: ErrorCode, message: string) => void;
  /** By this host, or by another one. */
  readonly wiped: () => void;
}

export class Wiping {
  readonly #options: WipingOptions;
  readonly stop: () => void;

  constructor(options: WipingOptions) {
    this.#options = options;
    this.stop = options.news?.hear(options.replica, options.wiped) ?? (() => {});
  }

  /** Rejects when something may be left; it is to be tried again. */
  async wipe(): Promise<void> {
    const { replica, device, news, stop, wiped } = this.#options;
    stop('client-closed', 'What this client has on the device is being wiped.');
    this.stop();
    // Whoever has it must not write to it any more.
    if (!device.isOwner) news?.tell(replica);
    try {
      await device.wipe();
    } catch (error) {
      const { code, message } =
        error instanceof ForerunError ? error : { code: 'internal' as const, message: String(error) };
      stop(
        code,
        `What this client has on the device could not be wiped, and may still be there: call forget() again. ${message}`,
      );
      throw error;
    }
    news?.tell(replica);
    wiped();
  }
}
