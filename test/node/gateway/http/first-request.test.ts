import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HttpGateway } from '#node/gateway/http/http-gateway.ts';
import type { AccessTokens } from '#node/security/access-tokens.ts';

/** A gateway that cannot load what answers while `isBroken`. */
function createGateway(): { gateway: HttpGateway; errors: unknown[]; state: { isBroken: boolean } } {
  const errors: unknown[] = [];
  const state = { isBroken: false };
  const gateway = new HttpGateway({
    host: '127.0.0.1',
    port: 0,
    get tokens(): AccessTokens {
      if (state.isBroken) throw new Error('no such file');
      return {} as AccessTokens;
    },
    version: '1.2.3',
    run: () => Promise.reject(new Error('nothing is to be run')),
    now: () => 0,
    gauges: () => ({
      sandboxes: 0,
      targets: 0,
      peers: 0,
      cliClients: 0,
      webSockets: 0,
      envelopes: 0,
      droppedEvents: 0,
    }),
    onUpgrade: () => undefined,
    onRefusal: () => undefined,
    onError: (error) => errors.push(error),
  });
  return { gateway, errors, state };
}

test('what answers is loaded once, however many ask at first', async () => {
  const { gateway, errors } = createGateway();
  await gateway.start();
  const ask = () => fetch(`${gateway.origin}/healthz`).then((response) => response.json());
  const health = { status: 'ok' };
  assert.equal(await Promise.all([ask(), ask(), ask()]), [health, health, health]);
  assert.equal(errors, []);
  await gateway.stop();
});

test('a request before which it cannot be loaded is told so, and the next one tries again', async () => {
  const { gateway, errors, state } = createGateway();
  await gateway.start();
  state.isBroken = true;
  const refused = await fetch(`${gateway.origin}/healthz`);
  const { code, hint } = (await refused.json()) as { code: string; hint: string };
  assert.equal([refused.status, code], [500, 'INTERNAL']);
  assert.match(hint, 'sandmesh stop');
  assert.is(refused.headers.get('x-frame-options'), 'DENY');
  assert.match(String(errors[0]), 'no such file');
  state.isBroken = false;
  assert.is((await fetch(`${gateway.origin}/healthz`)).status, 200);
  await gateway.stop();
});

test('a gateway that is stopped while it loads ends all the same', async () => {
  const { gateway } = createGateway();
  await gateway.start();
  const asked = fetch(`${gateway.origin}/healthz`).then(
    () => 'answered',
    () => 'cut',
  );
  await gateway.stop();
  assert.match(await asked, /answered|cut/);
});

test.run();
