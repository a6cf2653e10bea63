/** What each kind of step does to the world as it finds it. */

import { openJoined } from '#node/network/replication/open-replica.ts';
import type { MemberId } from '#shared/ids.ts';
import type { Role } from '#shared/rights.ts';
import { delegate, pickAuthority, recover } from './authority.ts';
import { commitCrime } from './crimes.ts';
import { Daemon } from './daemon.ts';
import { editSomething, ownKey, writeOwnRecord } from './honest-edits.ts';
import { keyOf } from './keys.ts';
import type { Endpoint } from './network.ts';
import type { Step, StepKind } from './plan.ts';
import type { Random } from './random.ts';
import type { Rogue } from './rogue.ts';
import { deedOf, equivocateBetween, spoilRecord } from './rogue-edits.ts';
import type { World } from './world.ts';

type Action = (world: World, random: Random, step: Step) => void;

/** Takes one step. */
export function takeStep(world: World, step: Step): void {
  ACTIONS[step.kind](world, world.random.fork(`step ${step.index}`), step);
}

const ACTIONS: Readonly<Record<StepKind, Action>> = {
  edit: (world, random, step) => {
    const daemon = random.pick(world.daemons);
    for (let i = random.pick([1, 1, 2, 5]); i > 0; i--) editSomething(daemon, random, step.index * 10 + i);
  },
  crime: (world, random, step) => {
    if (world.rogues.length > 0) commitCrime(world, random.pick(world.rogues), random, step.index);
  },
  kill: (world, random, step) => crash(world, random, 'kill', step.index),
  'cut-power': (world, random, step) => crash(world, random, 'power', step.index),
  'kill-soon': (world, random) => {
    const daemon = random.pick(world.daemons);
    daemon.killSoon(1 + random.below(12));
    returnLater(world, daemon, random, 2_000);
  },
  stop: (world, random) => {
    const daemon = random.pick(world.daemons);
    daemon.stop().then(
      () => returnLater(world, daemon, random, 0),
      (error: unknown) => world.fail('no crash', `${daemon.name} cannot stop: ${String(error)}`),
    );
  },
  'cut-link': (world, random) => cutLink(world, random, false),
  'silence-link': (world, random) => cutLink(world, random, true),
  partition,
  'jump-clock': (world, random) => {
    const daemon = random.pick(world.daemons);
    daemon.jumpClock(random.pick([-1, 1]) * random.skewed(1_000, 400 * 86_400_000));
  },
  'back-up': (world, random) => {
    const daemon = pickHome(world, random);
    if (!daemon.up || daemon.replica !== undefined) world.backups.set(daemon, daemon.home.copy());
  },
  restore: (world, random) => {
    const [daemon, copy] = random.pick([...world.backups]) ?? [];
    if (daemon === undefined || copy === undefined) return;
    daemon.crash('kill');
    daemon.home.replace(copy);
    daemon.damaged();
    world.trace(`${daemon.name} is set back to a copy of ${copy.size} files`);
    returnLater(world, daemon, random, 0);
  },
  rot: (world, random) => {
    const daemon = pickHome(world, random);
    // Where no copy is left the sandbox is gone, and nothing is to be learned.
    if (!world.daemons.some((other) => other !== daemon && other.replica !== undefined)) return;
    daemon.crash('kill');
    const at = daemon.home.rot(random);
    daemon.damaged();
    world.trace(`${daemon.name} rots at ${at}`);
    returnLater(world, daemon, random, 0);
  },
  'copy-home': copyHome,
  delegate,
  recover: (world) => {
    recover(world).catch((error: unknown) => world.fail('no crash', `the recovery key: ${String(error)}`));
  },
  'work-unseen': workUnseen,
  'two-faces': twoFaces,
  'spoil-twice': spoilTwice,
  'fill-disk': fillDisk,
  checkpoint: (world) => {
    const { replica } = world.owner;
    replica?.makeCheckpoint().catch((error: unknown) => {
      if (world.owner.replica === replica) world.trace(`no checkpoint: ${String(error)}`);
    });
  },
  'change-role': (world, random) => {
    const member = pickSubject(world, random);
    const role = random.pick<Role>(['viewer', 'commenter', 'debugger', 'editor', 'editor']);
    if (member !== undefined)
      pickAuthority(world, random).decide('change a role', (authority) => authority.setRole(member, role));
  },
  remove: (world, random) => {
    const member = pickSubject(world, random);
    if (member !== undefined)
      pickAuthority(world, random).decide('remove a member', (authority) => authority.revoke(member));
  },
  admit: (world, random) => {
    if (world.daemons.length >= 7) return;
    admitDaemon(world, random.pick<Role>(['editor', 'editor', 'debugger']), random, pickAuthority(world, random));
  },
};

/** Has somebody admit a new honest daemon, which opens what it is given. */
export function admitDaemon(world: World, role: Role, random: Random, by = world.owner): Daemon {
  const name = `m${world.daemons.length}`;
  const daemon = new Daemon(world, name, keyOf(name));
  world.daemons.push(daemon);
  for (const other of [...world.daemons, ...world.rogues]) {
    if (other !== daemon && (other === world.owner || random.chance(0.75))) world.network.introduce(other, daemon);
  }
  const open = (): void => {
    const source = world.admitterFor(daemon);
    if (source !== undefined) daemon.start((parts) => openJoined({ ...parts, ...source }));
  };
  admit(world, daemon, role, open, by);
  return daemon;
}

/** Invites and grants. */
export function admit(world: World, who: Endpoint, role: Role, done: () => void, by = world.owner): void {
  const invite = keyOf(`invite ${who.name}`).publicKey;
  by.decide(
    'admit',
    async (authority) => {
      const expiresAt = Number.MAX_SAFE_INTEGER;
      const record = await authority.createInvite({ publicKey: invite, role, uses: 1, expiresAt, approval: false });
      await authority.grant({ invite: record.publicKey, deviceKey: who.publicKey, name: who.name, role });
    },
    done,
  );
}

/** Everybody but the owner, at whichever home. */
function others(world: World): Daemon[] {
  return world.daemons.filter(({ controlSigner }) => controlSigner === undefined);
}

/** Somebody's home; the owner's is nothing special, but without it little else happens. */
function pickHome(world: World, random: Random): Daemon {
  return random.chance(0.2) ? world.owner : random.pick(others(world));
}

/** Something else takes the room on a disk for a while; its user goes on meanwhile, and decides where it may. */
function fillDisk(world: World, random: Random, step: Step): void {
  const daemon = random.chance(0.4) ? world.owner : random.pick(world.daemons);
  const durationMs = random.skewed(100, 8_000);
  daemon.home.room = random.pick([0, 0, 200, 1_000, 5_000]);
  world.trace(`the disk of ${daemon.name} has room for ${daemon.home.room} bytes`);
  for (let i = 0; i < 6; i++) {
    world.later(random.between(0, durationMs * 1.2), 'work on a full disk', () => {
      if (random.chance(0.7)) return editSomething(daemon, random, step.index * 1_000 + i);
      ACTIONS[random.pick<StepKind>(['change-role', 'admit', 'checkpoint', 'edit'])](world, random, step);
    });
  }
  world.later(durationMs, `${daemon.name} has room again`, () => {
    daemon.home.room = Number.POSITIVE_INFINITY;
  });
}

/** Mostly in the middle of work: what was promised a moment ago is what a crash may take along. */
function crash(world: World, random: Random, how: 'kill' | 'power', serial: number): void {
  const daemon = random.pick(world.daemons);
  for (let i = random.pick([0, 1, 3]); i > 0; i--) editSomething(daemon, random, serial * 10 + i);
  world.later(random.skewed(0.1, 60), `${daemon.name} dies`, () => {
    daemon.crash(how);
    returnLater(world, daemon, random, 0);
  });
}

function returnLater(world: World, daemon: Daemon, random: Random, afterMs: number): void {
  world.later(afterMs + random.skewed(50, 8_000), `${daemon.name} starts`, () => daemon.start());
}

function cutLink(world: World, random: Random, silently: boolean): void {
  const everybody: Endpoint[] = [...world.daemons, ...world.rogues];
  const [a, b] = random.shuffle(everybody);
  if (a !== undefined && b !== undefined) world.network.cut(a, b, silently);
}

function partition(world: World, random: Random): void {
  const everybody: Endpoint[] = [...world.daemons, ...world.rogues];
  world.network.partition(new Map(everybody.map((end) => [end, random.below(2)])));
  world.later(random.skewed(500, 12_000), 'partition ends', () => world.network.partition(undefined));
}

/** Another machine begins with a copy of a home that is in use. */
function copyHome(world: World, random: Random, step: Step): void {
  const original = pickHome(world, random);
  if (original.replica === undefined || world.daemons.length >= 7) return;
  const copies = world.daemons.filter((daemon) => daemon.name.startsWith(original.name)).length;
  const twin = new Daemon(world, `${original.name}${"'".repeat(copies)}`, original.signer, original.controlSigner);
  twin.settle(original.home.copy());
  world.daemons.push(twin);
  for (const other of [...world.daemons, ...world.rogues]) if (other !== twin) world.network.introduce(other, twin);
  twin.start();
  // Both believe to be the one who writes this member's registers.
  for (let i = 0; i < 4; i++) {
    const atMs = random.skewed(200, 4_000);
    for (const daemon of [original, twin]) {
      world.later(atMs + random.between(0, 3), `${daemon.name} duels`, () =>
        daemon.writeRegister('notes', 'chat/0', `${daemon.name} ${step.index}.${i}`),
      );
    }
  }
}

/**
 * The owner is cut off for a while and takes somebody's rights away, knowing nothing of what that one, and honest people
 * on top of it, have been doing meanwhile.
 */
function workUnseen(world: World, random: Random, step: Step): void {
  const suspect = pickSuspect(world, random);
  if (suspect === undefined) return;
  const everybody: Endpoint[] = [...world.daemons, ...world.rogues];
  world.network.partition(new Map(everybody.map((end) => [end, end === world.owner ? 1 : 0])));
  const durationMs = random.skewed(500, 6_000);
  const deeds = random.chance(0.3) ? 'to records' : 'within its rights';
  for (let i = 0; i < 12; i++) {
    world.later(random.between(0, durationMs), 'unseen work', () => {
      const serial = step.index * 1_000 + i;
      const suspicious = world.rogues.find((rogue) => rogue === suspect);
      const spoilt = world.spoilt.pop();
      if (spoilt !== undefined && random.chance(0.7)) writeOwnRecord(spoilt.daemon, spoilt.key, serial);
      else if (random.chance(0.4)) editSomething(random.pick(world.daemons), random, serial);
      else if (suspicious !== undefined) commitCrime(world, suspicious, random, serial, deeds);
      else editSomething(suspect as Daemon, random, serial);
    });
  }
  world.later(random.between(0, durationMs), 'removal behind the back', () => {
    const member = world.memberOf(suspect.publicKey);
    if (member === undefined) return;
    const role = random.pick<Role | undefined>([undefined, undefined, 'viewer', 'commenter', 'debugger']);
    world.owner.decide('take rights away', (authority) =>
      role === undefined ? authority.revoke(member) : authority.setRole(member, role),
    );
  });
  world.later(durationMs, 'partition ends', () => world.network.partition(undefined));
}

/**
 * One line of a chain is shown to one member alone, the other to all the rest, while they are parted; the owner makes a
 * checkpoint of the one, and that member writes upon the other.
 */
function twoFaces(world: World, random: Random, step: Step): void {
  const [rogue, accomplice] = random.shuffle(world.rogues);
  const victim = random.pick(others(world));
  if (rogue === undefined || accomplice === undefined) return;
  const everybody: Endpoint[] = [...world.daemons, ...world.rogues];
  world.network.partition(new Map(everybody.map((end) => [end, end === victim || end === rogue ? 1 : 0])));
  world.later(random.between(300, 600), `${rogue.name} has two faces`, () =>
    equivocateBetween(world, rogue, accomplice, random, step.index),
  );
  world.later(random.between(700, 1_000), 'writing on one line', () => editSomething(victim, random, step.index * 10));
  world.later(random.between(800, 1_200), 'a checkpoint of the other', () => ACTIONS.checkpoint(world, random, step));
  world.later(random.between(1_500, 4_000), 'partition ends', () => world.network.partition(undefined));
}

/** A rogue writes over a record, its daemon over that, the rogue once more; the owner, who sees none of it, removes the rogue. */
function spoilTwice(world: World, random: Random, step: Step): void {
  const rogue = random.pick<Rogue | undefined>(world.rogues);
  const victim = random.pick(others(world));
  const { member } = rogue ?? {};
  if (rogue === undefined || member === undefined) return;
  const key = ownKey(victim, random);
  const everybody: Endpoint[] = [...world.daemons, ...world.rogues];
  world.network.partition(new Map(everybody.map((end) => [end, end === world.owner ? 1 : 0])));
  const spoil = (): void => {
    const deed = deedOf(world, rogue, random, step.index);
    if (deed !== undefined) spoilRecord(deed, key);
  };
  world.later(300, 'a record is spoilt', spoil);
  world.later(random.between(400, 800), 'and written again', () => writeOwnRecord(victim, key, step.index));
  if (random.chance(0.7)) world.later(1_000, 'and spoilt again', spoil);
  world.later(random.between(100, 1_500), 'removal behind the back', () =>
    world.owner.decide('take rights away', (authority) => authority.revoke(member)),
  );
  world.later(random.between(1_600, 4_000), 'partition ends', () => world.network.partition(undefined));
}

/** Rogues more often than not. */
function pickSuspect(world: World, random: Random): Endpoint | undefined {
  const suspects: readonly Endpoint[] = world.rogues.length > 0 && random.chance(0.7) ? world.rogues : others(world);
  return suspects.length === 0 ? undefined : random.pick(suspects);
}

function pickSubject(world: World, random: Random): MemberId | undefined {
  const suspect = pickSuspect(world, random);
  return suspect === undefined ? undefined : world.memberOf(suspect.publicKey);
}
