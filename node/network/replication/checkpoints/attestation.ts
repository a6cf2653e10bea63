/** What members say of a checkpoint, in a register of their own: whether it is what they have. */

import type { MemberId } from '#shared/ids.ts';
import type { ChainStore } from '../chains/chain-store.ts';
import type { Ledger } from '../chains/ledger.ts';
import type { ControlView } from '../replica-interface.ts';

/** Register in `notes/<member>`. */
export const ATTESTATION = 'checkpoint';

export interface Attestation {
  readonly blob: string;
  readonly same: boolean;
  /** Names of those that are not the same. */
  readonly documents: readonly string[];
}

export interface CheckpointStatus {
  /** Absent as long as there is none. */
  readonly blob?: string;
  /** It includes. */
  readonly envelopes: number;
  readonly bytes: number;
  readonly logBytes: number;
  readonly same: MemberId[];
  readonly differs: MemberId[];
  /** Whose chains forked: as long as there are any, no other checkpoint is made. */
  readonly forked: MemberId[];
}

/** @param notes registers of a member's notes */
export function describeCheckpoint(
  { base }: Pick<Ledger, 'base'>,
  chains: Pick<ChainStore, 'forkedMembers'>,
  logBytes: number,
  notes: (member: MemberId) => ReadonlyMap<string, unknown>,
  control: Pick<ControlView, 'members'>,
): CheckpointStatus {
  const said = (same: boolean): MemberId[] => {
    const members = [...control.members.values()].filter((member) => !member.removed);
    return members.filter(({ id }) => saysOf(notes(id).get(ATTESTATION), base?.name) === same).map(({ id }) => id);
  };
  return {
    ...(base === undefined ? {} : { blob: base.name }),
    envelopes: base?.manifest.chains.reduce((sum, { seq }) => sum + seq, 0) ?? 0,
    bytes: base?.bytes ?? 0,
    logBytes,
    same: said(true),
    differs: said(false),
    forked: [...chains.forkedMembers()].sort((a, b) => a - b),
  };
}

/** @returns undefined when it says nothing of this blob */
function saysOf(value: unknown, blob: string | undefined): boolean | undefined {
  if (typeof value !== 'object' || value === null || blob === undefined) return undefined;
  const { blob: named, same } = value as { blob?: unknown; same?: unknown };
  return named === blob && typeof same === 'boolean' ? same : undefined;
}
