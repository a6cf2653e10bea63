/** Addresses and ranges an invite is good from: `192.168.1.7`, `10.0.0.0/8`, `fd00::/8`. */

import { BlockList, isIP } from 'node:net';
import { SandboxError } from '#shared/errors.ts';

const MAPPED = '::ffff:';

/** As many, and as long, as an invite in the control log holds. */
const MAX_ITEMS = 64;
const MAX_ITEM_CHARS = 64;

/** @throws {SandboxError} BAD_ARGUMENT quoting the first that is neither an address nor a range; when they are too many */
export function assertAddressList(list: readonly string[]): void {
  if (list.length > MAX_ITEMS) {
    throw new SandboxError(
      'BAD_ARGUMENT',
      `Cannot limit an invite to ${list.length} addresses: it takes ${MAX_ITEMS}`,
      {
        hint: 'Name a range, such as 10.0.0.0/8.',
      },
    );
  }
  for (const item of list) {
    if (item.length <= MAX_ITEM_CHARS && readRange(item) !== undefined) continue;
    const quoted = item.length <= MAX_ITEM_CHARS ? item : `${item.slice(0, MAX_ITEM_CHARS)}…`;
    throw new SandboxError('BAD_ARGUMENT', `Cannot limit an invite to "${quoted}": it is no address and no range`, {
      hint: 'For example 192.168.1.7, 10.0.0.0/8 or fd00::/8.',
    });
  }
}

/** @param multiaddr where a joiner is seen from, such as `/ip4/10.0.0.7/tcp/4001` */
export function isListed(multiaddr: string, list: readonly string[]): boolean {
  const [, family, shown = ''] = multiaddr.split('/');
  if (family !== 'ip4' && family !== 'ip6') return false;
  const address = shown.startsWith(MAPPED) && shown.includes('.') ? shown.slice(MAPPED.length) : shown;
  const allowed = new BlockList();
  for (const item of list) {
    const range = readRange(item);
    if (range !== undefined) allowed.addSubnet(range.address, range.prefix, range.family);
  }
  const version = isIP(address);
  return version !== 0 && allowed.check(address, version === 4 ? 'ipv4' : 'ipv6');
}

function readRange(text: string): { address: string; prefix: number; family: 'ipv4' | 'ipv6' } | undefined {
  const [address = '', digits, ...more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || more.length > 0 || (digits !== undefined && !/^\d{1,3}$/.test(digits))) return undefined;
  const bits = version === 4 ? 32 : 128;
  const prefix = digits === undefined ? bits : Number(digits);
  return prefix > bits ? undefined : { address, prefix, family: version === 4 ? 'ipv4' : 'ipv6' };
}
