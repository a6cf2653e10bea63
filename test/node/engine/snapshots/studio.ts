/** A workshop whose host keeps snapshots on a real disk. */

import { join } from 'node:path';
import { GLANCE_LIMITS } from '#node/engine/snapshots/capture.ts';
import { snapshotHandlers } from '#node/engine/snapshots/snapshot-handlers.ts';
import { Snapshots, type SnapshotsOptions } from '#node/engine/snapshots/snapshots.ts';
import { nodeEnvironment } from '#node/network/replication/environment.ts';
import { SharedBlobs } from '#node/network/replication/peers/shared-blobs.ts';
import { maskValue } from '#node/security/masking.ts';
import { NodeStorageFolder } from '#node/storage/storage-folder.ts';
import { type CommandInput, type CommandResult, catalogue } from '#protocol/catalogue/catalogue.ts';
import type { MemberId } from '#shared/ids.ts';
import { type Workshop, withWorkshop } from '../debug/workshop.ts';

type SnapshotCommand = keyof typeof snapshotHandlers;

export interface Studio extends Workshop {
  readonly snapshots: Snapshots;
  readonly blobs: NodeStorageFolder;
  /** At the host. */
  ask<N extends SnapshotCommand>(command: N, args: CommandInput<N>): Promise<CommandResult<N>>;
}

export function withStudio(
  use: (studio: Studio) => Promise<void>,
  options: Partial<Pick<SnapshotsOptions, 'kept' | 'sharesValues'>> = {},
): Promise<void> {
  return withWorkshop(async (workshop) => {
    const replica = workshop.mesh.replica(1);
    const folder = new NodeStorageFolder(join(workshop.folder, '.sandbox'));
    replica.sharedBlobs = new SharedBlobs(folder, nodeEnvironment());
    const engine = workshop.engine(1);
    const snapshots = new Snapshots({
      replica,
      engine,
      kept: 50,
      mask: maskValue,
      sharesValues: () => true,
      // Time is no measure on a machine that does other things as well.
      limits: { ...GLANCE_LIMITS, ms: 10_000 },
      onError: (error) => workshop.errors.push(error),
      ...options,
    });
    snapshots.start();
    const context = {
      caller: { member: 1 as MemberId, local: true, session: 'client-1' },
      sandbox: { engine, replica, project: undefined, names: undefined, snapshots },
      folder: undefined,
      signal: new AbortController().signal,
    };
    const ask: Studio['ask'] = async (command, input) => {
      const { args, result } = catalogue[command];
      const handler = snapshotHandlers[command] as unknown as (
        args: unknown,
        given: typeof context,
      ) => Promise<unknown>;
      return result.parse(await handler(args.parse(input), context)) as never;
    };
    try {
      await use({ ...workshop, snapshots, ask, blobs: folder.folder('shared') as NodeStorageFolder });
    } finally {
      await snapshots.stop();
    }
  });
}
