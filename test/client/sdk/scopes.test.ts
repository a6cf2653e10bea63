/** Several scopes on one connection: each subscription gets what is of its own sandbox. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SandmeshClient } from '#client/sdk/client.ts';
import type { Connector, Conversation, ConversationEvents } from '#client/sdk/conversation.ts';
import type { SandboxId } from '#shared/ids.ts';

const HERE = 'ab'.repeat(20) as SandboxId;
const THERE = 'cd'.repeat(20) as SandboxId;

interface Talk {
  readonly client: SandmeshClient;
  readonly asked: string[];
  say(sandbox: SandboxId, text: string): void;
  /** Answers which sandbox a folder is bound to; without one, that none is. */
  place(folder: string, id?: SandboxId): Promise<void>;
  lose(): void;
}

function talk(): Talk {
  const asked: string[] = [];
  const waiting = new Map<string, (id: SandboxId | undefined) => void>();
  let events: ConversationEvents | undefined;
  const connector: Connector = async (given) => {
    events = given;
    const conversation: Conversation = {
      call: (command, _args, { folder = '' }) => {
        asked.push(`${command} ${folder}`);
        return new Promise((resolve, reject) => {
          waiting.set(folder, (id) => (id === undefined ? reject(new Error('none')) : resolve({ id })));
        });
      },
      subscribe: () => undefined,
      close: () => undefined,
    };
    return conversation;
  };
  return {
    client: new SandmeshClient({ connector }),
    asked,
    say: (sandbox, text) =>
      events?.onBroadcast({ topic: 'notices', event: { level: 'info', text }, metadata: { sandbox, sequence: 1 } }),
    place: async (folder, id) => {
      waiting.get(folder)?.(id);
      await new Promise((resolve) => setImmediate(resolve));
    },
    lose: () => events?.onLost(new Error('gone') as never),
  };
}

const next = async (of: ReturnType<SandmeshClient['subscribe']>): Promise<string> => {
  const { value } = await of.next();
  return (value?.event as { text?: string } | undefined)?.text ?? '';
};

test('two folders of one client hear their own sandbox each, from the first event on', async () => {
  const { client, asked, say, place } = talk();
  await client.open();
  const here = client.subscribe('notices', { folder: '/here' });
  say(HERE, 'alone');
  assert.equal([await next(here), asked], ['alone', []], 'nothing is asked for a single scope');
  const there = client.subscribe('notices', { folder: '/there' });
  assert.equal(asked, ['sandbox.get /here', 'sandbox.get /there']);
  say(THERE, 'for there');
  say(HERE, 'for here');
  await place('/there', THERE);
  say(THERE, 'more for there');
  await place('/here', HERE);
  say(HERE, 'more for here');
  assert.equal([await next(here), await next(here)], ['for here', 'more for here']);
  assert.equal([await next(there), await next(there)], ['for there', 'more for there']);
  client.close();
});

test('a folder beside everything, and beside a sandbox', async () => {
  const { client, say, place } = talk();
  await client.open();
  const all = client.subscribe('notices');
  const byId = client.subscribe('notices', { sandbox: THERE });
  const here = client.subscribe('notices', { folder: '/here' });
  const nowhere = client.subscribe('notices', { folder: '/nowhere' });
  await place('/here', HERE);
  say(THERE, 'there');
  await place('/nowhere');
  say(HERE, 'here');
  assert.equal([await next(all), await next(all)], ['there', 'here']);
  assert.equal([await next(byId), await next(here)], ['there', 'here']);
  void nowhere.return?.();
  client.close();
});

test('what came before a loss is told, whether or not the daemon said whose it was', async () => {
  const { client, say, place, lose } = talk();
  await client.open();
  const here = client.subscribe('notices', { folder: '/here' });
  const there = client.subscribe('notices', { folder: '/there' });
  await place('/here', HERE);
  say(HERE, 'last');
  lose();
  assert.is(await next(here), 'last');
  void there.return?.();
  client.close();
});

test.run();
