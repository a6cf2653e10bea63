// test: limit 180 s
/** Sandboxes and debug sessions from beginning to end, as resources of the local API. */

import { existsSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { eventually, type Member, withMembers } from '../mesh/members.ts';
import { type ApiScene, withApiScene } from './scene.ts';

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown> & { readonly code?: string };
}

async function ask(scene: Pick<ApiScene, 'origin'>, access: string, method: string, path: string, body?: object) {
  const response = await fetch(`${scene.origin}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${access}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Answer['body'] } satisfies Answer;
}

test('a debug session is opened on a target, tells where it stands, and is closed', () =>
  withApiScene(async (scene) => {
    const { sandbox, target } = scene;
    const access = await scene.access();
    const opened = await ask(scene, access, 'POST', '/debug/sessions', { sandbox, target });
    assert.is(opened.status, 201);
    assert.is(opened.body['target'], target);
    const resource = `/debug/sessions/${opened.body['id']}`;
    const listed = await ask(scene, access, 'GET', '/debug/sessions');
    assert.equal(
      (listed.body['sessions'] as { id: string }[]).map(({ id }) => id),
      [opened.body['id']],
    );
    assert.is(((await ask(scene, access, 'GET', resource)).body['state'] as { state: string }).state, 'running');
    await ask(scene, access, 'POST', `/sandboxes/${sandbox}/targets/${target}/pause`);
    await eventually('the pause', async () =>
      (await ask(scene, access, 'GET', resource)).body['pause'] ? true : undefined,
    );
    assert.is((await ask(scene, access, 'DELETE', resource)).status, 200);
    assert.is((await ask(scene, access, 'GET', resource)).status, 404);
    const { targets } = await scene.client.call('target.list', {});
    assert.is(targets[0]?.state, 'paused', 'the program and its pause are not the session’s');
  }));

test('DELETE of a sandbox leaves it, or archives it so that an import brings it back', () =>
  withMembers(async ({ member }) => {
    const here = member('h', 'here');
    const { sandbox } = await here.ask('sandbox.open', 'open');
    const { origin, access } = await apiOf(here);
    const resource = `/sandboxes/${sandbox.id}`;
    const status = async () => (await ask({ origin }, access, 'GET', resource)).status;
    assert.is((await ask({ origin }, access, 'DELETE', `${resource}?mode=shred`)).status, 400);
    assert.is(await status(), 200, 'a refusal leaves it as it was');
    const archived = await ask({ origin }, access, 'DELETE', `${resource}?mode=archive`);
    assert.is(archived.status, 200);
    assert.ok(existsSync(String(archived.body['archive'])), 'the export lies where it says');
    assert.is(await status(), 404);
    await here.ask('storage.import', 'import', String(archived.body['archive']));
    assert.is(await status(), 200, 'and brings it back');
    assert.is((await ask({ origin }, access, 'DELETE', `${resource}?mode=leave`)).status, 200);
    assert.is(await status(), 404);
  }));

test('the owner alone ends a sandbox for everybody: who is here is refused from then on, who is away is named', () =>
  withMembers(async ({ member }) => {
    const [host, guest, absent] = [member('h', 'here'), member('g', 'there'), member('a', 'elsewhere')];
    const { sandbox, link = '' } = await host.ask('sandbox.open', 'open');
    await guest.join(link, host, 'grace');
    const { link: second = '' } = await host.ask('invite.create', 'invite');
    await absent.join(second, host, 'heidi');
    await absent.end();
    const [atHost, atGuest] = await Promise.all([apiOf(host), apiOf(guest)]);
    const resource = `/sandboxes/${sandbox.id}`;
    const members = async (at: typeof atHost) => (await ask(at, at.access, 'GET', `${resource}/members`)).body;
    const say = (text: string) => ask(atGuest, atGuest.access, 'POST', `${resource}/chat`, { text });
    await eventually('the host to see who is here', async () => {
      const list = (await members(atHost))['members'] as { name: string; online: boolean }[];
      const online = Object.fromEntries(list.map((each) => [each.name, each.online]));
      return online['grace'] === true && online['heidi'] === false ? true : undefined;
    });
    const denied = await ask(atGuest, atGuest.access, 'DELETE', `${resource}?mode=destroy`);
    assert.is(denied.body.code, 'FORBIDDEN');
    assert.is((await say('while it lasts')).status, 201, 'a refusal leaves it as it was');

    const destroyed = await ask(atHost, atHost.access, 'DELETE', `${resource}?mode=destroy`);
    assert.equal(destroyed.body, { left: sandbox.id, away: ['heidi'] });
    assert.is((await ask(atHost, atHost.access, 'GET', resource)).status, 404);
    await eventually('the guest to be refused', async () =>
      (await say('and after')).body.code === 'MEMBER_UNKNOWN' ? true : undefined,
    );
    const left = (await members(atGuest))['members'] as { name: string; removed: boolean }[];
    assert.is(left.find(({ name }) => name === 'grace')?.removed, true, 'and still reads what lies there');
    assert.is((await ask(atGuest, atGuest.access, 'DELETE', resource)).status, 200, 'what is left can be deleted');
  }));

async function apiOf(member: Member) {
  const client = await member.client();
  const origin = await eventually('the local API', async () => (await client.call('daemon.status', {})).api);
  return { origin, access: (await client.call('token.access', {})).accessToken };
}

test.run();
