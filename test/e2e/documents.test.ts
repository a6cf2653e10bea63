// test: full
// test: limit 240 s
/** Stock y-websocket clients, and their daemon killed and started again under them. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { SandmeshClient } from '#client/sdk/client.ts';
import { type StockPage, stockPage, synced } from '#test/node/gateway/documents/pages.ts';
import { until } from '#test/until.ts';
import { type Member, withMembers } from './mesh/members.ts';

const KILLS = 3;
const MARKS_PER_ROUND = 20;

async function open(client: SandmeshClient): Promise<StockPage> {
  return stockPage(await client.call('document.open', { document: 'draft/a.js' }));
}

/** As if its power button had been pressed for long. */
async function kill(member: Member): Promise<void> {
  const pid = await member.daemonPid();
  process.kill(pid, 'SIGKILL');
}

/** Types marks that are told apart, so that a lost or doubled one shows. */
async function typeMarks(page: StockPage, name: string, round: number): Promise<void> {
  for (let n = 0; n < MARKS_PER_ROUND; n++) {
    page.text.insert(Math.floor(page.text.length / 2), `<${name}${round}.${n}>`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function assertEachOnce(text: string, names: readonly string[], rounds: number): void {
  // Marks may lie inside others: what counts is that no letter is missing and none too many.
  const expected: string[] = [];
  for (const name of names)
    for (let round = 0; round < rounds; round++)
      for (let n = 0; n < MARKS_PER_ROUND; n++) expected.push(...`<${name}${round}.${n}>`);
  assert.is([...text].sort().join(''), expected.sort().join(''));
}

test('the daemon is killed under two stock clients that go on typing: every edit survives once, under its own id', () =>
  withMembers(async ({ member }) => {
    const host = member('host', 'work');
    await host.ask('sandbox.open', 'open');
    const pages: StockPage[] = [];
    try {
      const client = await host.client();
      const [a, b] = [await open(client), await open(client)];
      pages.push(a, b);
      await synced(a, b);
      for (let round = 0; round < KILLS; round++) {
        const typing = Promise.all([typeMarks(a, 'a', round), typeMarks(b, 'b', round)]);
        await kill(host);
        await typing;
        await host.ask('sandbox.open', 'open');
        await until(() => a.provider.synced && b.provider.synced, 'both are back');
        await until(() => a.text.toString() === b.text.toString() && a.text.length > 0, 'both see the same');
      }
      assertEachOnce(a.text.toString(), ['a', 'b'], KILLS);
      const reader = await open(await host.client());
      pages.push(reader);
      await until(() => reader.text.toString() === a.text.toString(), 'a page loaded later sees it too');
      const own = [a.doc.clientID, b.doc.clientID].sort();
      for (const page of pages) assert.equal([...page.doc.store.clients.keys()].sort(), own);
    } finally {
      for (const { provider, doc } of pages) {
        provider.destroy();
        doc.destroy();
      }
    }
  }));

test.run();
