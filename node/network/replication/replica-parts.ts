/** What a replica is composed of: made by `open-replica.ts`, from a disk or for a new sandbox. */

import type { ControlSigner } from '#protocol/control-entry.ts';
import type { ControlLog } from '#protocol/control-log.ts';
import type { Signer } from '#protocol/crypto.ts';
import type { Envelope } from '#protocol/envelope.ts';
import type { MemberId } from '#shared/ids.ts';
import type { AppendLog } from '../../storage/append-log.ts';
import type { ChainStore } from './chains/chain-store.ts';
import type { Forks } from './chains/forks.ts';
import type { Ledger } from './chains/ledger.ts';
import type { LineIds } from './chains/line-ids.ts';
import type { MemberQuota } from './chains/member-quota.ts';
import type { SandboxStorage } from './checkpoints/checkpoints.ts';
import type { StrandedEntries } from './control/stranded-entries.ts';
import type { DocumentStore } from './documents/document-store.ts';
import type { ReplicaEnvironment } from './environment.ts';

export interface SandboxReplicaParts {
  readonly environment: ReplicaEnvironment;
  readonly log: AppendLog;
  readonly control: ControlLog;
  readonly chains: ChainStore;
  readonly self: MemberId;
  readonly incarnation: number;
  readonly deviceSigner: Signer;
  /** The owner's control key, where it lies. */
  readonly controlSigner?: ControlSigner | undefined;
  /** Founded just now. */
  readonly founded?: boolean;
  readonly documents: DocumentStore;
  readonly lineIds: LineIds;
  readonly forks: Forks;
  readonly ledger: Ledger;
  readonly quota: MemberQuota;
  readonly stranded: StrandedEntries;
  /** Where checkpoints lie; without it there are none. */
  readonly storage?: SandboxStorage | undefined;
  load(position: number): Envelope;
}
