/** A web server in which probes are set: it is asked to run through them, and for its own code as V8 has it. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import * as assert from 'uvu/assert';
import type { SandmeshClient } from '#client/sdk/client.ts';
import type { Hit } from '#shared/model/hit.ts';
import { targetSeenBy } from './debugging.ts';
import { eventually, type Member, withMembers } from './members.ts';

/** GET /<n> calls \`visit\` n times; GET /source gives the text of the script as V8 has it. */
export const SHOP = `const http = require('node:http');
const inspector = require('node:inspector');
function visit(user, times) {
  const sum = user.id + times;
  return sum;
}
function source() {
  const session = new inspector.Session();
  session.connect();
  let [id, text] = ['', ''];
  // A text that went lives on under a later id until it is collected.
  session.on('Debugger.scriptParsed', ({ params }) => {
    if (params.url.endsWith('shop.js') && (id === '' || Number(params.scriptId) < Number(id))) id = params.scriptId;
  });
  session.post('Debugger.enable');
  session.post('Debugger.getScriptSource', { scriptId: id }, (_error, result) => { text = result.scriptSource; });
  session.disconnect();
  return text;
}
const server = http.createServer((request, response) => {
  if (request.url === '/source') return response.end(source());
  const times = Number(request.url.slice(1));
  let last = 0;
  for (let i = 0; i < times; i++) last = visit({ id: 7 }, times);
  response.end(String(last));
});
server.listen(0, '127.0.0.1', () => console.log('port', server.address().port));
`;
export const LOG_LINE = SHOP.split('\n').findIndex((line) => line.includes('return sum')) + 1;
/** Of a request; what `visit` gives is more by 7. */
export const CALLS = 100;

export interface ProbedShop {
  readonly host: Member;
  /** A debugger, whose folder is another. */
  readonly guest: Member;
  readonly atHost: SandmeshClient;
  readonly atGuest: SandmeshClient;
  get(what: string | number): Promise<string>;
  /** Waits until a probe's code is in the script under load. */
  untilInjected(probes: number): Promise<void>;
  /** Waits until the script is, byte for byte, what it was. */
  untilRestored(): Promise<void>;
}

export function withProbedShop(body: (shop: ProbedShop) => Promise<void>): Promise<void> {
  return withMembers(async ({ member }) => {
    const [host, guest] = [member('h', 'project'), member('g', 'elsewhere')];
    for (const { folder } of [host, guest]) writeFileSync(path.join(folder, 'shop.js'), SHOP);
    const { link = '' } = await host.ask('sandbox.open', 'open');
    const run = host.start('run', '-q', '--', 'node', 'shop.js');
    const [, port] = await run.line(/^port (\d+)$/);
    const get = async (what: string | number) => (await fetch(`http://127.0.0.1:${port}/${what}`)).text();
    await guest.join(link, host, 'alice');
    const [atHost, atGuest] = [await host.client(), await guest.client()];
    await targetSeenBy(atGuest);
    assert.is(await get('source'), SHOP);
    const untilInjected = async (probes: number): Promise<void> => {
      await eventually(`${probes} probes as code of the script`, async () => {
        const answers = await Promise.all(Array.from({ length: 8 }, () => get(CALLS)));
        assert.equal(new Set(answers), new Set([String(7 + CALLS)]));
        const text = await get('source');
        return (text.match(/__sandmesh_\d+\.left/g) ?? []).length >= probes ? true : undefined;
      });
      assert.is((await get('source')).split('\n').length, SHOP.split('\n').length);
    };
    const untilRestored = async (): Promise<void> => {
      await eventually('the code as it was', async () => ((await get('source')) === SHOP ? true : undefined));
    };
    await body({ host, guest, atHost, atGuest, get, untilInjected, untilRestored });
  });
}

/** Everything that a client is told of probes from now on. */
export function follow(client: SandmeshClient): Hit[] {
  const got: Hit[] = [];
  const read = async (): Promise<void> => {
    for await (const { event } of client.subscribe('hits')) got.push(...event.hits);
  };
  // Ends with its client.
  read().catch(() => undefined);
  return got;
}
