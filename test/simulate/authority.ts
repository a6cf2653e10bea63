/**
 * What owners do about their authority: delegate it, take that back, replace the control key by the recovery key, and
 * settle a log that forked because a home came back from a copy.
 */

import type { ControlSigner, EntryBody } from '#protocol/control-entry.ts';
import { toHex } from '#shared/bytes.ts';
import type { Daemon } from './daemon.ts';
import { controlKeyOf } from './keys.ts';
import type { Random } from './random.ts';
import { Rogue } from './rogue.ts';
import type { World } from './world.ts';

/** Of the `generation`th use: each names the hash of the next. */
export function recoveryKeyOf(generation: number): Promise<ControlSigner> {
  return controlKeyOf(`recovery ${generation}`);
}

/** Somebody whose word on membership counts: the owner, at whichever home, or a delegate. */
export function pickAuthority(world: World, random: Random): Daemon {
  const others = world.daemons.filter((daemon) => daemon !== world.owner && daemon.replica?.authority !== undefined);
  return others.length > 0 && random.chance(0.5) ? random.pick(others) : world.owner;
}

/** The owner lets a member admit and remove on its own, or takes that back; whether that member deserves it or not. */
export function delegate(world: World, random: Random): void {
  const honest = world.daemons.filter(({ controlSigner }) => controlSigner === undefined);
  const candidates = world.rogues.length > 0 && random.chance(0.6) ? world.rogues : honest;
  const candidate = random.pick<Daemon | Rogue>(candidates);
  const { member } = candidate;
  if (member === undefined) return;
  if (world.owner.replica?.control.delegates.has(member) === true) {
    if (random.chance(0.4)) world.owner.decide('end a delegation', (authority) => authority.endDelegation(member));
    return;
  }
  const role = candidate instanceof Rogue ? random.pick(['debugger', 'editor'] as const) : 'editor';
  controlKeyOf(`delegate ${candidate.name}`).then(
    (signer) => {
      candidate.keepLog(signer);
      world.owner.decide('delegate', (authority) => authority.delegate({ member, key: signer.publicKey, role }));
    },
    (error: unknown) => world.fail('no crash', String(error)),
  );
}

/** The recovery key gives the sandbox another control key; where the log forked it names the longest branch. */
export async function recover(world: World): Promise<void> {
  const { owner } = world;
  const { replica } = owner;
  if (replica === undefined) return;
  const { controlLog } = replica;
  const generation = world.recoveryOf(controlLog.state.recoveryHash);
  if (generation === undefined) return world.fail('authority', 'the recovery key was replaced by a stranger');
  const recovery = await recoveryKeyOf(generation);
  const next = await controlKeyOf(`owner ${++world.recoveries}`);
  const nextRecovery = await recoveryKeyOf(world.recoveries);
  world.promise(nextRecovery.publicKey, world.recoveries);
  const body: EntryBody<'rotate'> = {
    type: 'rotate',
    recoveryKey: toHex(recovery.publicKey),
    ownerKey: toHex(next.publicKey),
    nextRecoveryHash: toHex(world.crypto.sha256(nextRecovery.publicKey)),
  };
  const branches = controlLog.state.forks.find(({ log }) => log === 0)?.branches ?? [];
  const tips = branches.flatMap((hash) => controlLog.tipBeyond(hash) ?? []);
  const [after] = tips.sort((a, b) => b.seq - a.seq || (a.hash < b.hash ? -1 : 1));
  world.ownerKeys.set(toHex(next.publicKey), next);
  await owner.rotate(body, recovery, after);
}

/** Ends what stops the logs: forks of the owner's own, and delegates who forked theirs. */
export async function settleForks(world: World): Promise<void> {
  const { replica } = world.owner;
  if (replica === undefined) return;
  const { forks } = replica.controlLog.state;
  if (forks.some(({ log }) => log === 0)) return recover(world);
  for (const { log } of forks) {
    const member = log as Parameters<NonNullable<typeof replica.authority>['endDelegation']>[0];
    if (replica.controlLog.state.delegations.get(member)?.end === undefined)
      world.owner.decide('end a forked delegation', (authority) => authority.endDelegation(member));
  }
}
