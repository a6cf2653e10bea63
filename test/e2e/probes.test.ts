// test: full
// test: limit 180 s
/**
 * Logpoints and tracepoints of a guest in a host's web server under load: both get what they record, the program's code
 * is what it was once they go, and whoever loses the right loses them at once.
 */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { SandmeshClient } from '#client/sdk/client.ts';
import type { Hit } from '#shared/model/hit.ts';
import { armed, targetSeenBy } from './mesh/debugging.ts';
import { eventually, withMembers } from './mesh/members.ts';

/** GET /<n> calls \`visit\` n times; GET /source gives the text of the script as V8 has it. */
const SHOP = `const http = require('node:http');
const inspector = require('node:inspector');
function visit(user, times) {
  const sum = user.id + times;
  return sum;
}
function source() {
  const session = new inspector.Session();
  session.connect();
  let [id, text] = ['', ''];
  session.on('Debugger.scriptParsed', ({ params }) => {
    if (params.url.endsWith('shop.js')) id = params.scriptId;
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
const LOG_LINE = SHOP.split('\n').findIndex((line) => line.includes('return sum')) + 1;

/** Everything that a client is told from now on. */
function follow(client: SandmeshClient): Hit[] {
  const got: Hit[] = [];
  const read = async (): Promise<void> => {
    for await (const { event } of client.subscribe('hits')) got.push(...event.hits);
  };
  // Ends with its client.
  read().catch(() => undefined);
  return got;
}

test("a guest's probes record under load, leave no trace, and end with its right", () =>
  withMembers(async ({ member }) => {
    const [host, guest] = [member('h', 'project'), member('g', 'elsewhere')];
    writeFileSync(path.join(host.folder, 'shop.js'), SHOP);
    const { link = '' } = await host.ask('sandbox.open', 'open');
    const run = host.start('run', '-q', '--', 'node', 'shop.js');
    const [, port] = await run.line(/^port (\d+)$/);
    const get = async (what: string | number) => (await fetch(`http://127.0.0.1:${port}/${what}`)).text();
    await guest.join(link, host, 'alice');
    const [atHost, atGuest] = [await host.client(), await guest.client()];
    await targetSeenBy(atGuest);
    const seen = [follow(atHost), follow(atGuest)];
    assert.is(await get('source'), SHOP);

    const log = await atGuest.call('breakpoint.add', { location: `shop.js:${LOG_LINE}`, log: '{user.id} of {times}' });
    await host.approveNext('consent');
    const trace = await atGuest.call('breakpoint.add', { function: 'visit', capture: ['user.id * 2'] });
    await armed(atGuest, log.id);
    await armed(atGuest, trace.id);
    for (const times of [1, 10, 100]) {
      await eventually(`hits of requests with ${times} calls`, async () => {
        const answers = await Promise.all(Array.from({ length: 8 }, () => get(times)));
        assert.equal(new Set(answers), new Set([String(7 + times)]));
        const has = (hits: Hit[]): boolean =>
          hits.some(({ breakpoint, text }) => breakpoint === log.id && text === `7 of ${times}`) &&
          hits.some(({ breakpoint, returned }) => breakpoint === trace.id && returned === String(7 + times));
        return seen.every(has) ? true : undefined;
      });
    }
    const traced = seen[1]?.find(({ breakpoint }) => breakpoint === trace.id);
    assert.equal(
      traced?.values.map(({ name }) => name),
      ['user', 'times', 'user.id * 2'],
    );
    assert.is(traced?.by, 2);
    await eventually('both as code of the script', async () => {
      await Promise.all(Array.from({ length: 8 }, () => get(100)));
      const text = await get('source');
      return (text.match(/__sandmesh_\d+\.left/g) ?? []).length >= 2 ? true : undefined;
    });
    assert.is((await get('source')).split('\n').length, SHOP.split('\n').length);

    await host.ask('member.role', 'role', 'alice', 'viewer');
    await eventually('the code as it was', async () => ((await get('source')) === SHOP ? true : undefined));
    const until = seen[0]?.length ?? 0;
    await get(100);
    await eventually('a refusal', async () => {
      const { breakpoints } = await atHost.call('breakpoint.list', {});
      return breakpoints.every(({ statuses }) => statuses.every(({ state }) => state === 'refused')) ? true : undefined;
    });
    assert.is(seen[0]?.length, until);
    assert.is(await guest.refusal('break', 'add', `shop.js:${LOG_LINE}`, '--log', 'x'), 'FORBIDDEN');
    assert.is(await guest.refusal('break', 'add', '--function', 'visit', '--trace'), 'FORBIDDEN');
  }));

test.run();
