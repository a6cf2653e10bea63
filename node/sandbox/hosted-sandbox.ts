/** An open sandbox with everything this daemon adds around its replica and engine. */

import type { SandboxId } from '#shared/ids.ts';
import type { TargetDirectory } from '../pipeline/resolve-target.ts';
import type { Consents } from '../security/consent.ts';
import type { SandboxPolicy } from '../security/policy.ts';
import type { MemberRates } from './member-rates.ts';
import type { PresenceTable } from './member-view.ts';
import type { OpenSandbox } from './open-sandbox.ts';
import type { PendingRequests } from './pending-requests.ts';

/**
 * Who can reach it: `private` starts no network, `loopback` this machine only, `lan` whoever is on the same network
 * and holds a link.
 */
export type Reach = 'private' | 'loopback' | 'lan';

export interface HostedSandbox extends OpenSandbox, TargetDirectory {
  readonly id: SandboxId;
  readonly consents: Consents;
  readonly requests: PendingRequests;
  readonly policy: SandboxPolicy;
  readonly presence: PresenceTable;
  readonly rates: MemberRates;
  reach: Reach;
}
