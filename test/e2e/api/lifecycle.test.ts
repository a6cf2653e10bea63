// test: limit 180 s
/** Sandboxes and debug sessions from beginning to end, as resources of the local API. */

import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
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

test('DELETE of a sandbox leaves it, archives it, or ends it for everybody; only the owner may do the last', () =>
  withMembers(async ({ member }) => {
    const [host, guest] = [member('h', 'here'), member('g', 'there')];
    const { sandbox, link = '' } = await host.ask('sandbox.open', 'open');
    await guest.join(link, host, 'grace');
    const [atHost, atGuest] = await Promise.all([apiOf(host), apiOf(guest)]);
    const resource = `/sandboxes/${sandbox.id}`;
    assert.is((await ask(atHost, atHost.access, 'DELETE', `${resource}?mode=shred`)).status, 400);
    const denied = await ask(atGuest, atGuest.access, 'DELETE', `${resource}?mode=destroy`);
    assert.is(denied.body.code, 'FORBIDDEN');
    assert.is((await ask(atGuest, atGuest.access, 'GET', resource)).status, 200, 'a refusal leaves it as it was');

    const second = path.join(guest.folder, 'second');
    mkdirSync(second);
    const made = await ask(atGuest, atGuest.access, 'POST', '/sandboxes', { folder: second });
    const kept = (made.body['sandbox'] as { id: string }).id;
    assert.is.not(kept, sandbox.id);
    const archived = await ask(atGuest, atGuest.access, 'DELETE', `/sandboxes/${kept}?mode=archive`);
    assert.is(archived.status, 200);
    assert.ok(existsSync(String(archived.body['archive'])), 'the export lies where it says');
    assert.is((await ask(atGuest, atGuest.access, 'GET', `/sandboxes/${kept}`)).status, 404);
    await guest.ask('storage.import', 'import', String(archived.body['archive']));
    assert.is((await ask(atGuest, atGuest.access, 'GET', `/sandboxes/${kept}`)).status, 200, 'and brings it back');
    assert.is((await ask(atGuest, atGuest.access, 'DELETE', `/sandboxes/${kept}?mode=leave`)).status, 200);
    assert.is((await ask(atGuest, atGuest.access, 'GET', `/sandboxes/${kept}`)).status, 404);

    assert.is((await ask(atHost, atHost.access, 'DELETE', `${resource}?mode=destroy`)).status, 200);
    assert.is((await ask(atHost, atHost.access, 'GET', resource)).status, 404);
  }));

async function apiOf(member: Member) {
  const client = await member.client();
  const origin = await eventually('the local API', async () => (await client.call('daemon.status', {})).api);
  return { origin, access: (await client.call('token.access', {})).accessToken };
}

test.run();
