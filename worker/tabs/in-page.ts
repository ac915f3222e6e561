/** A host in the page itself, which the pages of other tabs may share while this one leads. */

import { defineModule, type ModuleExports } from '../../core/module/module.ts';
import type { HostApi } from '../client/host-api.ts';
import { provideAllCode } from '../all-code.ts';
import { inProcessHost } from '../in-process.ts';
import { exposeToTab } from './exposed-host.ts';
import { answerFollowers } from './followers.ts';

export interface HostInPage {
  readonly host: HostApi;
  readonly serve: (replica: string, version: string) => void;
  readonly prepare: () => Promise<void>;
  readonly end: () => void;
}

export function inPage(module: ModuleExports): HostInPage {
  provideAllCode();
  const host = inProcessHost(defineModule(module));
  let stop: () => void = () => {};
  return {
    host: host.page(),
    serve: (replica, version) => {
      stop = answerFollowers(replica, version, (pageId, attempt) =>
        exposeToTab(() => host.page(), replica, pageId, attempt),
      );
    },
    prepare: () => host.prepare(),
    end: () => {
      stop();
      host.end();
    },
  };
}
