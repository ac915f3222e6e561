/**
 * The Chromium that browser tests run in. Whatever the machine has is good enough, so nothing is downloaded when one is
 * there; run as a program (`pretest`) it installs one when none is, which makes `npm install && npm test` all there is.
 */

import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { chromium } from 'playwright';

/** Runs as root and in containers, and never talks to anything but the test server. */
export const chromiumArgs: readonly string[] = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Where one may be, best first. FORERUN_CHROMIUM is believed alone: a wrong value must not be passed over in silence. */
function candidates(): readonly string[] {
  const chosen = process.env.FORERUN_CHROMIUM;
  if (chosen) return [chosen];
  return [
    '/usr/bin/chromium',
    '/usr/bin/google-chrome',
    '/usr/bin/google-chrome-stable',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    `${process.env.PROGRAMFILES}\\Google\\Chrome\\Application\\chrome.exe`,
    chromium.executablePath(),
  ];
}

/** Path of an executable Chromium or Chrome, or undefined when this machine has none. */
export function findChromium(): string | undefined {
  return candidates().find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Some distributions ship a stub that only says where the real one is, so a fresh install has to prove itself. */
function answers(path: string): boolean {
  try {
    execFileSync(path, ['--version', '--no-sandbox'], { stdio: 'ignore', timeout: 30_000 });
    return true;
  } catch {
    return false;
  }
}

function run(command: string, args: readonly string[]): void {
  console.log(`$ ${command} ${args.join(' ')}`);
  try {
    execFileSync(command, args, {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      shell: process.platform === 'win32',
    });
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
  }
}

/** Finds a Chromium, else installs one by the first way that works here. */
function ensureChromium(): string {
  const present = findChromium();
  if (present) return present;
  if (process.env.FORERUN_CHROMIUM) {
    throw new Error(
      `FORERUN_CHROMIUM names ${process.env.FORERUN_CHROMIUM}, which cannot be run: correct or unset it.`,
    );
  }
  console.log('No Chromium found for the browser tests: installing one.');
  if (process.getuid?.() === 0 && isExecutable('/usr/bin/apt-get')) {
    run('apt-get', ['update']);
    run('apt-get', ['install', '-y', '--no-install-recommends', 'chromium']);
    const installed = findChromium();
    if (installed && answers(installed)) return installed;
  }
  run('npx', ['playwright', 'install', 'chromium']);
  const installed = findChromium();
  if (installed && answers(installed)) return installed;
  throw new Error(
    'No Chromium could be installed. Install Chromium or Chrome, or set FORERUN_CHROMIUM to its path; tests without a browser: npx vitest run --project node',
  );
}

if (import.meta.main) {
  try {
    console.log(`browser tests run in ${ensureChromium()}`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
