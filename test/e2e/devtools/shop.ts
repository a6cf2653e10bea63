/** A program that runs the same function over and over, its host and a guest, and the ports that tools connect to. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { SandmeshClient } from '#client/sdk/client.ts';
import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import type { TargetId } from '#shared/ids.ts';
import type { Role } from '#shared/rights.ts';
import { LINK, targetSeenBy } from '../mesh/debugging.ts';
import { type Member, withMembers } from '../mesh/members.ts';

export const SHOP = `let count = 0;
class Cart {
  items = ['tea', 'cup'];
  password = 'hunter2hunter2'; get total() { return (globalThis.touched = 8); }
}
function handle(n) {
  const cart = new Cart();
  count += n;
  const body = { count, cart };
  return body;
}
setInterval(() => handle(1), 20);
console.log('ready');
`;
/** Of `const body`, and of the statement after it. */
export const BODY_LINE = 9;

export interface Shop {
  readonly host: Member;
  readonly guest: Member;
  readonly atHost: SandmeshClient;
  readonly atGuest: SandmeshClient;
  readonly target: TargetId;
}

export function withShop(body: (shop: Shop) => Promise<void>, role: Role = 'debugger'): Promise<void> {
  return withMembers(async ({ member }) => {
    const [host, guest] = [member('h', 'shop'), member('g', 'elsewhere')];
    writeFileSync(path.join(host.folder, 'shop.js'), SHOP);
    const run = host.start('run', '-q', '--', 'node', 'shop.js');
    await run.line(LINK);
    await run.line(/^ready$/);
    const { link } = await host.ask('invite.create', 'invite', '--role', role, '--approve', 'yes');
    await guest.join(link ?? '', host, 'alice');
    const [atHost, atGuest] = [await host.client(), await guest.client()];
    const { id } = await targetSeenBy(atGuest);
    await body({ host, guest, atHost, atGuest, target: id });
  });
}

export function portOf(member: Member): Promise<CommandResult<'cdp.listen'>> {
  return member.ask('cdp.listen', 'inspect');
}
