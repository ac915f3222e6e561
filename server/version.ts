/** Which version of the package this is, and whether two of them understand each other over HTTP. */

import { readFileSync } from 'node:fs';

/** Above this file, as deep as the build has put it. */
const manifest = new URL(import.meta.url.endsWith('.ts') ? '../package.json' : '../../package.json', import.meta.url);

export const version: string = (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;

/** On every answer of a server. */
export const versionHeader = 'forerun-version';

/** As npm's `^` has it: until 1.0 a minor version may break. */
export function isCompatible(a: string, b: string): boolean {
  return breakingPart(a) === breakingPart(b);
}

function breakingPart(text: string): string {
  const [major = '', minor = ''] = text.split('.');
  return major === '0' ? `0.${minor}` : major;
}
