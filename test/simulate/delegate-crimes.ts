/**
 * What delegates do who should not have been made such: they admit accomplices as they may, and go on when they may no
 * longer; they give numbers and roles that are not theirs to give, take away what others gave, and fork their log.
 */

import type { ControlEntry, ControlSigner } from '#protocol/control-entry.ts';
import { toHex } from '#shared/bytes.ts';
import type { MemberId } from '#shared/ids.ts';
import { keyOf } from './keys.ts';
import { type Entry, readEntry } from './law.ts';
import { Rogue } from './rogue.ts';
import type { Deed } from './rogue-edits.ts';

/** What makes it a delegate. */
interface Office {
  readonly signer: ControlSigner;
  readonly from: number;
  readonly to: number;
  readonly role: string;
  /** Entry of the owner's log that made it one, and the one that ended that. */
  readonly since: number;
  readonly end: number | undefined;
}

type Body = Record<string, unknown> & { readonly type: string };

export const DELEGATE_CRIMES: readonly ((deed: Deed) => Promise<void>)[] = [
  admitAccomplice,
  admitAccomplice,
  giveWhatIsNotIts,
  giveWhatIsNotIts,
  ruleOverStrangers,
  forkOwnLog,
];

function officeOf({ rogue, member }: Deed): Office | undefined {
  const signer = rogue.controlSigner;
  const entries = rogue.underworld.control.map(readEntry).filter(({ log }) => log === 0);
  const made = entries.find((entry) => entry.type === 'delegate' && entry.member === member);
  if (signer === undefined || made === undefined) return undefined;
  const { from = 0, to = 0, role = '', seq: since } = made;
  const end = entries.find(({ logs = [] }) => logs.some(([log]) => log === member))?.seq;
  return { signer, from, to, role, since, end };
}

/** A member like any other; once the delegation has ended, one that nobody may take for a member. */
async function admitAccomplice(deed: Deed): Promise<void> {
  const office = officeOf(deed);
  if (office === undefined) return;
  const { rogue, world } = deed;
  const entry = await sign(deed, office, accomplice(deed, office, `a${deed.serial}`));
  rogue.ownLog.push(entry);
  world.signedEntries.add(entry);
  rogue.publish(entry);
}

/** Two in one slot; some hear of the one, some of the other. */
async function forkOwnLog(deed: Deed): Promise<void> {
  const office = officeOf(deed);
  if (office === undefined) return;
  const { rogue, world, random } = deed;
  const branches = [`b${deed.serial}`, `c${deed.serial}`].map((name) => accomplice(deed, office, name));
  const [first, second] = await Promise.all(branches.map((body) => sign(deed, office, body)));
  if (first === undefined || second === undefined) return;
  rogue.ownLog.push(first);
  for (const entry of [first, second]) {
    world.signedEntries.add(entry);
    rogue.publish(entry, () => random.chance(0.5));
  }
  world.trace(`${rogue.name} forks its control log`);
}

/** Numbers outside its range, roles above its cap, keys that are members already, entries that know of its end. */
async function giveWhatIsNotIts(deed: Deed): Promise<void> {
  const office = officeOf(deed);
  if (office === undefined) return;
  const { rogue, random, world } = deed;
  const body = accomplice(deed, office, `d${deed.serial}`);
  const above = office.role === 'editor' ? 'owner' : 'editor';
  const knowing = random.chance(0.5);
  // Of whom it says to know nothing, and of whoever was removed, it may admit the key.
  const seen = seenBy(deed, office, knowing);
  // Where the owner's log has forked, whoever one branch removed may be admitted anew by whoever stands on that.
  const removed = new Set(
    [...world.signedEntries].map(readEntry).map(({ type, member }) => type === 'revoke' && member),
  );
  // Whom another delegate admitted it need not know, though the owner has spoken of that number since: two may admit one key.
  const granted = new Set(
    [...world.signedEntries]
      .map(readEntry)
      .filter(({ type, log }) => type === 'genesis' || (type === 'grant' && (log === 0 || log === deed.member)))
      .map(({ member = 1 }) => member),
  );
  const members = world.daemons.filter(
    ({ member = 0 }) => granted.has(member) && !removed.has(member) && deed.law.roleAt(member, seen) !== null,
  );
  if (members.length === 0) return;
  const key = toHex(random.pick(members).publicKey);
  const changes: Partial<Record<'member' | 'role' | 'key', unknown>>[] = [
    { member: office.to + 1 },
    { member: 900 },
    { role: above },
    { key },
  ];
  const wrong = { ...body, ...random.pick(changes) };
  rogue.publish(await sign(deed, office, wrong, knowing));
}

/** It removes or promotes somebody whom it did not admit. */
async function ruleOverStrangers(deed: Deed): Promise<void> {
  const office = officeOf(deed);
  const victim = deed.random.pick(deed.world.daemons).member;
  if (office === undefined || victim === undefined || victim >= office.from) return;
  const body = deed.random.chance(0.5)
    ? { type: 'revoke', member: victim, frontier: [] }
    : { type: 'role', member: deed.member, role: 'owner', frontier: [] };
  deed.rogue.publish(await sign(deed, office, body));
}

/** Somebody new, who joins the underworld. */
function accomplice({ world, rogue, random }: Deed, office: Office, name: string): Body {
  const newcomer = new Rogue(world, name, keyOf(name), rogue.underworld);
  world.rogues.push(newcomer);
  for (const daemon of world.daemons) if (random.chance(0.6)) world.network.introduce(daemon, newcomer);
  const member = office.from + rogue.ownLog.filter((entry) => readEntry(entry).type === 'grant').length;
  const role = random.pick(['viewer', office.role]);
  return { type: 'grant', member, key: toHex(newcomer.publicKey), name, role };
}

/** How far it says to have seen the owner's log. @param knowing the end of its delegation, too, if there was one */
function seenBy({ rogue, law }: Deed, { since, end }: Office, knowing: boolean): number {
  const last = rogue.ownLog.map(readEntry).at(-1);
  return Math.max(since, last?.owner ?? 0, end === undefined || knowing ? law.length : end - 1);
}

/** @param knowing as of {@link seenBy} */
async function sign(deed: Deed, office: Office, body: Body, knowing = false): Promise<string> {
  const { world, rogue, member } = deed;
  const own = rogue.ownLog.map(readEntry);
  const last: Entry | undefined = own.at(-1);
  const entry = {
    v: 1,
    sandbox: world.sandbox,
    log: member as MemberId,
    owner: seenBy(deed, office, knowing),
    seq: own.length + 1,
    previous: last?.hash ?? '',
    at: 0,
    ...body,
  };
  return await office.signer.sign(entry as unknown as ControlEntry);
}
