// test: full
// test: limit 240 s
/**
 * What a web page that the user happens to open can do to the daemon, tried in a real Chromium. The pages even know a
 * token: what keeps them out is who they are.
 */

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BrowserContext, Page, Response } from 'playwright-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { unless } from '#test/skip.ts';
import { chromiumMissing, withChromium } from '../chromium.ts';
import { eventually } from '../mesh/members.ts';
import { type ApiScene, withApiScene } from './scene.ts';

const NODE = '/api/v1/node';
const CHAT = '/api/v1/commands/chat.send';
const EVIL = 'evil.example';
const ARGUMENTS = [
  // The name that resolves to loopback.
  `--host-resolver-rules=MAP ${EVIL} 127.0.0.1`,
  // What is tried here is the daemon, not what Chromium keeps from it.
  '--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests',
];

interface Trial {
  readonly context: BrowserContext;
  /** Of the daemon. */
  readonly origin: string;
  /** An access token of every scope. */
  readonly access: string;
  /** Port of a server with an empty page for every path, under any name. */
  readonly evilPort: number;
}

async function withBrowser(scene: ApiScene, use: (trial: Trial) => Promise<void>): Promise<void> {
  const server = createServer((_request, response) => response.setHeader('content-type', 'text/html').end('<p>hi'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: evilPort } = server.address() as AddressInfo;
  try {
    await withChromium({ args: ARGUMENTS }, async (context) =>
      use({ context, origin: scene.origin, access: await scene.access(), evilPort }),
    );
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** Opens a page and counts how often each of the daemon's answers came. */
async function openPage({ context, origin }: Trial, url: string): Promise<{ page: Page; statuses: () => number[] }> {
  const page = await context.newPage();
  const seen: number[] = [];
  const note = (response: Response): void => {
    if (new URL(response.url()).port === new URL(origin).port) seen.push(response.status());
  };
  await page.goto(url);
  page.on('response', note);
  return { page, statuses: () => seen.splice(0) };
}

/** What a page can try, each as it would be written there; all run in the page. */
const ATTEMPTS = {
  async read({ url }: Attack) {
    const response = await fetch(url);
    return `read ${response.status}`;
  },
  async readWithToken({ url, access }: Attack) {
    const response = await fetch(url, { headers: { authorization: `Bearer ${access}` } });
    return `read ${response.status}`;
  },
  async readBlind({ url }: Attack) {
    const { type } = await fetch(url, { mode: 'no-cors', credentials: 'include' });
    return `blind ${type}`;
  },
  async writeText({ url, access }: Attack) {
    const body = JSON.stringify({ args: { text: 'owned' } });
    const { type } = await fetch(`${url}?access=${access.length}`, { method: 'POST', mode: 'no-cors', body });
    return `blind ${type}`;
  },
  async writeKeptAlive({ url }: Attack) {
    await fetch(url, { method: 'POST', mode: 'no-cors', keepalive: true, body: '{"args":{"text":"owned"}}' });
    return 'sent';
  },
  async writeJson({ url, access }: Attack) {
    const headers = { authorization: `Bearer ${access}`, 'content-type': 'application/json' };
    const response = await fetch(url, { method: 'POST', headers, body: '{"args":{"text":"owned"}}' });
    return `wrote ${response.status}`;
  },
  async webSocket({ url, protocols }: Attack) {
    const socket = new WebSocket(url.replace(/^http/, 'ws'), protocols);
    return new Promise<string>((resolve) => {
      socket.onopen = () => resolve('open');
      socket.onclose = () => resolve('closed');
    });
  },
} as const;

interface Attack {
  readonly url: string;
  readonly access: string;
  readonly protocols: string[];
}

/** Tries one thing in a page. @returns what it saw, or `failed` where the browser told it nothing */
function attempt(page: Pick<Page, 'evaluate'>, name: keyof typeof ATTEMPTS, attack: Attack): Promise<string> {
  const source = `(async (attack) => { const o = {${ATTEMPTS[name].toString()}}; try { return await o.${name}(attack); } catch { return 'failed'; } })(${JSON.stringify(attack)})`;
  return page.evaluate(source) as Promise<string>;
}

function attackOn({ origin, access }: Trial, path: string, at = origin): Attack {
  return { url: at + path, access, protocols: ['sandmesh.v1', `bearer.${access}`] };
}

/** Everything a page of another origin can try; nothing of it gets further than the guard. */
async function allRefused(trial: Trial, page: Page, statuses: () => number[], what: string): Promise<void> {
  const { access } = trial;
  for (const [name, path, saw] of [
    ['read', NODE, ['failed']],
    ['read', '/api/v1/openapi.json', ['failed']],
    ['readWithToken', NODE, ['failed']],
    ['readBlind', NODE, ['blind opaque', 'failed']],
    ['writeText', CHAT, ['blind opaque', 'failed']],
    ['writeKeptAlive', CHAT, ['sent', 'failed']],
    ['writeJson', CHAT, ['failed']],
    ['webSocket', '/api/v1/ws', ['closed']],
    ['webSocket', '/api/v1/documents/x/debug.1', ['closed']],
  ] as const) {
    const seen = await attempt(page, name, attackOn(trial, path));
    assert.ok((saw as readonly string[]).includes(seen), `${what}: ${name} ${path} saw "${seen}"`);
  }
  for (const enctype of ['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain']) {
    await submitForm(page, trial.origin + CHAT, enctype, access);
  }
  for (const status of statuses()) assert.is(status, 403, what);
}

/** What the guard has refused so far, as the daemon counts it: the browser keeps from a page what it was answered. */
async function refusals(scene: ApiScene): Promise<number> {
  const headers = { authorization: `Bearer ${await scene.access()}` };
  const text = await (await fetch(`${scene.origin}/metrics`, { headers })).text();
  const counts = text.matchAll(/^sandmesh_refused_requests_total\{status="(?:403|421)"\} (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Into a frame of the page, and waits until that has loaded whatever it loads. */
function submitForm(page: Page, action: string, enctype: string, access: string): Promise<unknown> {
  const given = JSON.stringify({ action, method: 'POST', enctype, target: 'f' });
  const field = JSON.stringify({ name: '{"args":{"text":"owned"},"x":"', value: `${access}"}` });
  return page.evaluate(`new Promise((resolve) => {
    const frame = document.createElement('iframe');
    const form = document.createElement('form');
    frame.name = 'f';
    form.append(Object.assign(document.createElement('input'), ${field}));
    document.body.append(frame, Object.assign(form, ${given}));
    frame.onload = () => { frame.remove(); resolve(); };
    form.submit();
  })`);
}

unless(
  test,
  chromiumMissing,
  'a page of the daemon itself gets in with a token: what follows is the guard’s work',
  () =>
    withApiScene((scene) =>
      withBrowser(scene, async (trial) => {
        const { page, statuses } = await openPage(trial, `${trial.origin}/api/v1/reference`);
        // The reference page itself may connect to nothing: its own policy says so.
        assert.is(await attempt(page, 'readWithToken', attackOn(trial, NODE)), 'failed');
        await page.close();
        const context = await trial.context.browser()?.newContext({ bypassCSP: true });
        if (context === undefined) throw new Error('no browser');
        const own = await openPage({ ...trial, context }, `${trial.origin}/api/v1/reference`);
        assert.is(await attempt(own.page, 'readWithToken', attackOn(trial, NODE)), 'read 200');
        assert.is(await attempt(own.page, 'webSocket', attackOn(trial, '/api/v1/ws')), 'open');
        assert.is(await attempt(own.page, 'read', attackOn(trial, `${NODE}?token=${trial.access}`)), 'read 400');
        assert.equal(statuses(), []);
      }),
    ),
);

unless(
  test,
  chromiumMissing,
  'pages of another name, another port, and of no origin at all read and write nothing',
  () =>
    withApiScene((scene) =>
      withBrowser(scene, async (trial) => {
        const { evilPort, origin } = trial;
        for (const url of [
          `http://${EVIL}:${evilPort}/`,
          `http://127.0.0.1:${evilPort}/`,
          `http://localhost:${evilPort}/`,
        ]) {
          const { page, statuses } = await openPage(trial, url);
          const before = await refusals(scene);
          await allRefused(trial, page, statuses, url);
          // Nine attempts and three forms; a preflight that is refused ends its attempt.
          await eventually(
            'every attempt to be refused',
            async () => (await refusals(scene)) >= before + 12 || undefined,
          );
          await page.close();
        }
        const { page, statuses } = await openPage(trial, `http://${EVIL}:${evilPort}/`);
        for (const [what, html] of [
          ['a sandboxed frame', '<iframe id=f sandbox="allow-scripts" srcdoc="<p>null"></iframe>'],
          ['a data: page', '<iframe id=f src="data:text/html,<p>null"></iframe>'],
        ] as const) {
          await page.setContent(html);
          const frame = await (await page.waitForSelector('#f')).contentFrame();
          if (frame === null) throw new Error(`${what} has no frame`);
          assert.is(await frame.evaluate('self.origin'), 'null');
          for (const name of ['read', 'readWithToken', 'writeJson'] as const) {
            assert.is(await attempt(frame as unknown as Page, name, attackOn(trial, CHAT)), 'failed', what);
          }
          assert.is(
            await attempt(frame as unknown as Page, 'webSocket', attackOn(trial, '/api/v1/ws')),
            'closed',
            what,
          );
          for (const status of statuses()) assert.is(status, 403, what);
        }
        const before = await refusals(scene);
        await page.setContent(
          `<iframe id=f src="${origin}/api/v1/reference"></iframe><img src="${origin}/api/v1/reference.css"><script src="${origin}/api/v1/openapi.json"></script>`,
        );
        await eventually('all three to be refused', async () => (await refusals(scene)) >= before + 3 || undefined);
        for (const status of statuses()) assert.is(status, 403);
        assert.equal((await scene.client.call('chat.list', {})).lines, [], 'nothing was written');
        assert.not.ok(scene.log(0).join('\n').includes(trial.access), 'the log holds no token');
      }),
    ),
);

unless(test, chromiumMissing, 'a name that resolves to loopback only once the page is loaded is no way in', () =>
  withApiScene((scene) =>
    withBrowser(scene, async (trial) => {
      const rebound = `http://${EVIL}:${scene.port}`;
      const page = await trial.context.newPage();
      // The first answer came from somewhere else; from here on the name means the daemon.
      await page.route(`${rebound}/`, (route) => route.fulfill({ contentType: 'text/html', body: '<p>hi' }));
      await page.goto(`${rebound}/`);
      assert.is(await page.evaluate('location.origin'), rebound);
      for (const [name, path, saw] of [
        ['read', '/api/v1/openapi.json', 'read 421'],
        ['readWithToken', NODE, 'read 421'],
        ['writeJson', CHAT, 'wrote 421'],
        ['webSocket', '/api/v1/ws', 'closed'],
      ] as const) {
        assert.is(await attempt(page, name, attackOn(trial, path, rebound)), saw, `${name} ${path}`);
      }
      assert.is((await page.goto(`${rebound}/api/v1/reference`))?.status(), 421);
      assert.equal((await scene.client.call('chat.list', {})).lines, []);
    }),
  ),
);

test.run();
