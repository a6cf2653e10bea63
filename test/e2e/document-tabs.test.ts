// test: full
// test: limit 240 s
/** Two tabs of a real Chromium with the stock y-websocket client, and the daemon killed and started again under them. */

import path from 'node:path';
import { build } from 'esbuild';
import type { Page } from 'playwright-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { unless } from '#test/skip.ts';
import { until } from '#test/until.ts';
import { chromiumMissing, withChromium } from './chromium.ts';
import { type Member, withMembers } from './mesh/members.ts';

const KILLS = 2;

interface Look {
  readonly synced: boolean;
  readonly text: string;
  readonly clients: readonly number[];
}

/** What agents/document-page.ts offers. */
interface TabGlobals {
  openDocument(place: object): void;
  type(text: string): void;
  look(): Look;
}

/** A page of the daemon's own origin, which is the only one that its guard lets in, with a script that it does not have. */
class Tab {
  readonly #page: Page;
  readonly #script: string;
  clientId = 0;

  constructor(page: Page, script: string) {
    this.#page = page;
    this.#script = script;
  }

  /** Loads the page anew: a page load gets an id of its own. */
  async load(host: Member): Promise<void> {
    const client = await host.client();
    const place = await client.call('document.open', { document: 'draft/a.js' });
    client.close();
    this.clientId = place.clientId;
    await this.#page.goto(`${place.url.replace(/^ws/, 'http').replace(/\/v1\/.*/, '')}/v1/reference`);
    await this.#page.addScriptTag({ content: this.#script });
    await this.#page.evaluate((given) => (globalThis as unknown as TabGlobals).openDocument(given), place);
    await until(async () => (await this.look()).synced, 'the tab is synced');
  }

  look(): Promise<Look> {
    return this.#page.evaluate(() => (globalThis as unknown as TabGlobals).look());
  }

  type(text: string): Promise<void> {
    return this.#page.evaluate((given) => (globalThis as unknown as TabGlobals).type(given), text);
  }
}

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [path.join(import.meta.dirname, 'agents/document-page.ts')],
    bundle: true,
    write: false,
    format: 'iife',
    target: 'es2022',
  });
  return outputFiles[0]?.text ?? '';
}

unless(
  test,
  chromiumMissing,
  'two tabs type while their daemon dies and comes back: edits survive once, none doubled, none under a foreign id',
  () =>
    withMembers(async ({ member }) => {
      const host = member('host', 'work');
      await host.ask('sandbox.open', 'open');
      // The reference page lets no script in.
      await withChromium({ bypassCSP: true }, async (context) => {
        const script = await bundle();
        const tabs = [new Tab(await context.newPage(), script), new Tab(await context.newPage(), script)] as const;
        for (const tab of tabs) await tab.load(host);
        const marks: string[] = [];
        const type = async (tab: Tab, mark: string): Promise<void> => {
          marks.push(mark);
          await tab.type(mark);
        };
        for (let round = 0; round < KILLS; round++) {
          for (const [i, tab] of tabs.entries()) await type(tab, `<${i} before ${round}>`);
          process.kill(await host.daemonPid(), 'SIGKILL');
          for (const [i, tab] of tabs.entries()) await type(tab, `<${i} away ${round}>`);
          await host.ask('sandbox.open', 'open');
          await until(async () => {
            const [a, b] = await Promise.all(tabs.map((tab) => tab.look()));
            return a?.synced === true && b?.synced === true && a.text === b.text;
          }, 'both tabs are back and see the same');
        }
        const [first, second] = tabs;
        const ids = [first.clientId, second.clientId].sort();
        const { text } = await first.look();
        assert.equal(text.match(/<[^<>]*>/g)?.sort(), marks.sort());
        for (const tab of tabs) assert.equal([...(await tab.look()).clients].sort(), ids);
        await first.load(host);
        assert.is((await first.look()).text, text);
        await first.type('<reloaded>');
        await until(async () => (await second.look()).text === `${text}<reloaded>`, 'the other tab has it');
        assert.equal([...(await second.look()).clients].sort(), [...ids, first.clientId].sort());
        assert.not.ok(ids.includes(first.clientId));
      });
    }),
);

test.run();
