/**
 * The first hour as someone lives it: the tarball installed, a project made, served, looked at, its module edited under
 * the open page, another project beside it, and the command line at a terminal. And docs/first-hour.md, done as it says: its
 * commands run in order, its changes made to its files. What stands for the registry is our tarball.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chromiumArgs, findChromium } from '../browser/chromium.ts';
import { Home, hasScript, packedCreator, type Running, screen, takenPort } from './project.testing.ts';

interface Block {
  readonly language: string;
  readonly kind: string;
  readonly file: string | undefined;
  readonly text: string;
}

const firstHour = readFileSync(join(import.meta.dirname, '../../docs/first-hour.md'), 'utf8');
const blocks = [...firstHour.matchAll(/^```(\w+)(?: (\w+))?(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(
  ([, language = '', kind = '', file, text = '']): Block => ({ language, kind, file, text }),
);

const patienceMs = 240_000;
let home: Home;
let app: string;
let dev: Running;
let url: string;
let browser: Browser;
let page: Page;
const errors: string[] = [];

beforeAll(async () => {
  home = new Home();
  await home.install(home.project('.'));
  const executablePath = findChromium();
  browser = await chromium.launch({ ...(executablePath && { executablePath }), args: [...chromiumArgs] });
}, patienceMs * 2);

afterAll(async () => {
  await browser?.close();
  await home?.remove();
}, patienceMs);

const edit = (change: (text: string) => string): void => {
  const file = join(app, 'src/module.ts');
  writeFileSync(file, change(readFileSync(file, 'utf8')));
};
const item = (text: string) => page.locator('li', { hasText: text });
const add = async (text: string): Promise<void> => {
  await page.getByLabel('New item').fill(text);
  await page.keyboard.press('Enter');
};

test(
  '[CMD-1] a new project is made, installed and served, and its first row is on the screen',
  async () => {
    const started = performance.now();
    const said = await home.forerun(home.folder, 'new', 'my_first_app', '--template', 'react');
    expect(said).toBe('Made my_first_app (React). Next:\n\n  cd my_first_app\n  npm install\n  npm run dev\n\n');
    app = join(home.folder, 'my_first_app');
    await home.install(app);
    const installed = performance.now();
    dev = home.start(app, 'dev');
    [, url] = (await dev.says(/Local: +(http:\/\/\S+)/)) as unknown as [string, string];
    page = await browser.newPage();
    page.on('pageerror', (error) => errors.push(error.message));
    await page.goto(url);
    await item('Open this page in a second window').waitFor({ timeout: patienceMs });
    await dev.says(/Database main: ws:\S+/);
    const seconds = (from: number): string => ((performance.now() - from) / 1000).toFixed(1);
    console.log(
      `from new to the first row on screen: ${seconds(started)} s, ${seconds(installed)} s of it after npm install`,
    );
  },
  patienceMs * 2,
);

test(
  '[DEV-1] an edited reducer is at work in the open page, without a reload and with the rows kept',
  async () => {
    await add('Milk');
    await item('Milk').waitFor();
    await page.evaluate("globalThis.mark = 'same page'");
    edit((text) => text.replace('text: text.trim(), done', 'text: text.trim().toUpperCase(), done'));
    const saved = performance.now();
    await expect
      .poll(
        async () => {
          await add('bread');
          return page.getByText('BREAD', { exact: true }).count();
        },
        { timeout: patienceMs, interval: 50 },
      )
      .toBeGreaterThan(0);
    console.log(`from saving a reducer to its new behaviour in the page: ${Math.round(performance.now() - saved)} ms`);
    expect(await page.evaluate('globalThis.mark')).toBe('same page');
    expect(await item('Milk').count()).toBe(1);
    expect(errors).toEqual([]);
  },
  patienceMs,
);

test(
  '[DEV-2] a change that the rows forbid is told over the page, and goes when it is mended',
  async () => {
    edit((text) =>
      text
        .replace('done: t.bool(),', 'done: t.bool(),\n    note: t.string(),')
        .replaceAll('done: false', "done: false, note: ''"),
    );
    const overlay = page.locator('vite-error-overlay');
    await overlay.waitFor({ timeout: patienceMs });
    expect(await overlay.evaluate((element) => element.shadowRoot?.textContent)).toMatch(
      /column 'note' of table 'item' is new.*\.default\(/,
    );
    edit((text) => text.replace('note: t.string(),', "note: t.string().default('none'),"));
    await overlay.waitFor({ state: 'detached', timeout: patienceMs });
    await item('Milk').waitFor({ timeout: patienceMs });
    expect(await home.forerun(app, 'sql', '--json', "SELECT note FROM item WHERE text = 'Milk'")).toBe(
      '[{"note":"none"}]\n',
    );
  },
  patienceMs,
);

test(
  '[CMD-2] a second project beside it has another port, other data, and knows nothing of the first',
  async () => {
    await home.forerun(home.folder, 'new', 'second', '--template', 'vanilla');
    const second = join(home.folder, 'second');
    home.shareInstalled(app, second);
    const other = home.start(second, 'dev');
    const [, otherUrl = ''] = await other.says(/Local: +(http:\/\/\S+)/);
    expect(otherUrl).not.toBe(url);
    const otherPage = await browser.newPage();
    await otherPage.goto(otherUrl);
    await otherPage.getByText('Open this page in a second window').waitFor({ timeout: patienceMs });
    expect(await otherPage.getByText('Milk').count()).toBe(0);
    await home.forerun(second, 'call', 'add', 'Only here');
    await otherPage.getByText('Only here').waitFor({ timeout: patienceMs });
    expect(await item('Only here').count()).toBe(0);
    await otherPage.close();
    await other.end();
  },
  patienceMs * 2,
);

test(
  '[PKG-2] the built page and module are served by start, without what only the authority runs',
  async () => {
    await dev.end();
    edit((text) => text.replace("const text = 'Open", "console.log('nobody else reads this');\n  const text = 'Open"));
    await home.run(app, 'npm', 'run', 'build');
    const files = await home.run(app, 'grep', '-rl', 'nobody else reads this', 'dist-authority');
    expect(files).toContain('dist-authority/main.js');
    expect((await home.attempt(app, 'grep', '-rl', 'nobody else reads this', 'dist')).code).toBe(1);
    const started = home.start(app, 'start', '--port', '0');
    const line = JSON.parse((await started.says(/\{.*"msg":"listening"\}/))[0]) as { url: string };
    await page.goto(line.url);
    await item('Milk').waitFor({ timeout: patienceMs });
    expect(await (await fetch(`${line.url}/health`)).json()).toMatchObject({ status: 'ok' });
    expect((await fetch(`${line.url}/../package.json`)).status).toBe(404);
    expect((await fetch(`${line.url}/.env`)).status).toBe(404);
    await started.end();
    expect(started.text).toContain('"msg":"stopped"');
  },
  patienceMs,
);

test(
  'the first hour goes as docs/first-hour.md tells it',
  async () => {
    let folder = home.project('document');
    let server: Running | undefined;
    const outputs: string[] = [];
    const run = async (command: string): Promise<void> => {
      const [program = '', ...args] = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(
        ([, quoted, plain]) => quoted ?? plain ?? '',
      );
      if (program === 'cd') folder = resolve(folder, args[0] ?? '');
      else if (command === 'npm install') home.shareInstalled(app, folder);
      else if (program === 'npx' && args[0] === 'forerun') outputs.push(await home.forerun(folder, ...args.slice(1)));
      else outputs.push(await home.run(folder, program, ...args));
    };
    // Changes that follow one another are saved as one, so that there is one moment at which they are at work.
    const changed = new Map<string, string>();
    const save = async (): Promise<void> => {
      if (changed.size === 0) return;
      for (const [path, source] of changed) writeFileSync(path, source);
      changed.clear();
      // The command line speaks to the module as it is now.
      await server?.says(/its rows were kept/);
    };
    for (const { language, kind, file, text } of blocks) {
      if (kind !== 'replace') await save();
      if (kind === 'run') for (const command of text.trim().split('\n')) await run(command);
      else if (kind === 'dev') {
        // `npm run dev` of the template, without npm between us and its signals.
        server = home.start(folder, 'dev', '--port', '0');
        await server.says(/Database main/);
      } else if (kind === 'replace' && file !== undefined) {
        const path = join(folder, file);
        const [before = '', after = ''] = text.split('---\n').map((each) => each.replace(/\n$/, ''));
        const source = changed.get(path) ?? readFileSync(path, 'utf8');
        expect(source, `${file} has ${before}`).toContain(before);
        changed.set(path, source.replaceAll(before, after));
      } else expect(['nginx'], `a block ${language} ${kind}`).toContain(language);
    }
    await server?.end();
    const said = outputs.join('\n');
    expect(said).toMatch(/add: commit \d+/);
    expect(said).toMatch(/BUY MILK +0/);
    expect(said).toMatch(/urgent +bool/);
    expect(said).toMatch(/pass 1\b/);
    expect(said).toMatch(/main\.sqlite is whole: 2 rows in 1 table/);
  },
  patienceMs * 2,
);

describe('the template for Node', () => {
  test(
    '[PKG-1] has a test that passes, types that agree and a program that lists',
    async () => {
      await home.forerun(home.folder, 'new', 'bots', '--template', 'node');
      const bots = join(home.folder, 'bots');
      home.shareInstalled(app, bots);
      expect(await home.run(bots, 'npm', 'test')).toMatch(/pass 1\b/);
      await home.run(bots, 'npm', 'run', 'check');
      const server = home.start(bots, 'dev', '--port', '0');
      const [, address = ''] = await server.says(/Local: +(http:\/\/[^/\s]+)/);
      await server.says(/Database main/);
      const program = home.node(bots, { SERVER: address }, 'src/main.ts', 'Milk');
      await program.says(/2 on the list:\n {2}· Open this page in a second window\n {2}· Milk/);
      await program.end();
      await server.end();
    },
    patienceMs,
  );
});

describe('npm create forerun', () => {
  let creator: string;
  beforeAll(async () => {
    // Beside the package, as npm puts what it depends on: so that it finds the one of this checkout.
    await home.run(
      home.folder,
      'npm',
      'install',
      '--prefer-offline',
      '--no-audit',
      '--no-fund',
      packedCreator(home.folder),
    );
    creator = join(home.folder, 'node_modules/.bin/create-forerun');
  }, patienceMs);

  test('[CMD-1] makes a project, says the next step, and leaves one that is there as it is', async () => {
    const said = await home.run(home.folder, creator, 'created', '--template', 'node');
    expect(said).toBe('Made created (Node). Next:\n\n  cd created\n  npm install\n  npm run dev\n\n');
    const module = join(home.folder, 'created/src/module.ts');
    writeFileSync(module, 'mine');
    const again = await home.attempt(home.folder, creator, 'created', '--template', 'node');
    expect(again).toMatchObject({ code: 1, output: expect.stringMatching(/not empty.*nothing was changed/s) });
    expect(readFileSync(module, 'utf8')).toBe('mine');
    expect(await home.attempt(home.folder, creator)).toMatchObject({
      code: 2,
      output: expect.stringContaining('npm create forerun my_first_app'),
    });
  });

  test.skipIf(!hasScript)('[CMD-1] asks for what it was not told, at a terminal', { timeout: patienceMs }, async () => {
    const said = await screen({
      cwd: home.folder,
      columns: 80,
      command: [creator],
      lines: ['_asked', ''],
      prompts: [/to be made\?/, /What kind of project\?/],
    });
    expect(said).toContain('Made my_first_app_asked (React)');
    expect(readFileSync(join(home.folder, 'my_first_app_asked/package.json'), 'utf8')).toContain('"react"');
  });
});

describe('what is wrong is said in a line or two, with the next step', () => {
  const said = async (cwd: string, ...args: readonly string[]) =>
    home.attempt(cwd, process.execPath, home.program(cwd), ...args);

  test(
    '[CMD-3] and with an exit code',
    async () => {
      const empty = home.project('empty');
      const full = home.project('full');
      mkdirSync(join(full, 'something'), { recursive: true });
      const taken = await takenPort();
      const cases: readonly (readonly [string, readonly string[], number, RegExp])[] = [
        [home.folder, ['new', 'full'], 1, /full is not empty \(it has something\): nothing was changed/],
        [home.folder, ['new'], 2, /forerun new my_first_app/],
        [home.folder, ['new', 'x', '--template', 'vue'], 2, /There are: react, vanilla, node/],
        [empty, ['sql', 'SELECT 1'], 1, /no data.*forerun dev/i],
        [app, ['sql', 'SELECT 1'], 3, /No server.*forerun dev or forerun start/],
        [app, ['call', 'add', '--server', 'http://127.0.0.1:1'], 3, /No server is reached at http:\/\/127.0.0.1:1/],
        [
          app,
          ['dev', '--port', String(taken.port), '--host', '127.0.0.1'],
          1,
          new RegExp(`Port ${taken.port} is taken.*--port ${taken.port + 1}`),
        ],
        [app, ['cal'], 2, /Did you mean call/],
        [app, ['dev', '--port', 'many'], 2, /A port is a number/],
      ];
      for (const [cwd, args, code, message] of cases) {
        const result = await said(cwd, ...args);
        expect(result.output, args.join(' ')).toMatch(message);
        expect(result.code, args.join(' ')).toBe(code);
        expect(result.output, args.join(' ')).not.toMatch(/^\s+at /m);
        expect(result.output.trim().split('\n').length, args.join(' ')).toBeLessThanOrEqual(2);
      }
      taken.free();
    },
    patienceMs,
  );
});

describe.skipIf(!hasScript)('at a terminal', () => {
  test(
    '[CMD-4] tables fit its width, and screens are as they were',
    async () => {
      const shop = join(home.folder, 'shop');
      await home.forerun(home.folder, 'new', 'shop', '--template', 'node');
      home.shareInstalled(app, shop);
      const server = home.start(shop, 'dev', '--port', '0');
      await server.says(/Database main/);
      await home.forerun(
        shop,
        'call',
        'add',
        'A long text that has to be cut somewhere, because no terminal is as wide as it is long',
      );
      const query = 'SELECT id, text, done FROM item ORDER BY id';
      const shown = await home.screen(shop, 60, ['sql', query]);
      expect(Math.max(...shown.split('\n').map((line) => line.length))).toBeLessThanOrEqual(60);
      expect(shown).toContain('A long text that has to be cut somewhere, because…');
      expect(await home.screen(shop, 100, ['describe'])).toContain('  id     u64  primary key, autoInc');
      expect(await home.screen(shop, 80, ['call', 'toggle', 'first'])).toContain('toggle.id');
      expect(await home.screen(shop, 80, ['sql', '--help'])).toContain('Usage: forerun sql [options] [query]');
      expect(
        await home.screen(shop, 80, ['sql'], ['SELECT count(*) AS n', 'FROM item;', 'SELEC 1;', '.exit']),
      ).toContain('syntax error');
      expect(await home.forerun(shop, 'sql', query)).not.toContain('\x1b');
      await server.end();
    },
    patienceMs,
  );
});
