/** What entries of a control log say, for people who have to choose between them. */

import type { ControlEntry } from '#protocol/control-entry.ts';
import type { MemberId } from '#shared/ids.ts';

/** Of the entries of a branch as many are told as fit on a line; the latest are the ones that are remembered. */
const MAX_TOLD = 4;

/** @param nameOf what a member is called */
export function entriesText(entries: readonly ControlEntry[], nameOf: (member: MemberId) => string): string {
  const told = entries.slice(-MAX_TOLD).map((entry) => entryText(entry, nameOf));
  const more = entries.length > told.length ? [`${entries.length - told.length} more`] : [];
  return [...more, ...told].join(', ');
}

function entryText(entry: ControlEntry, nameOf: (member: MemberId) => string): string {
  switch (entry.type) {
    case 'genesis':
      return 'the beginning';
    case 'config':
      return `the name "${entry.name}"`;
    case 'invite':
      return `a link as ${entry.role}`;
    case 'revoke-invite':
      return 'a link closed';
    case 'grant':
      return `${entry.name} joined as ${entry.role}`;
    case 'role':
      return `${nameOf(entry.member)} made ${entry.role}`;
    case 'revoke':
      return `${nameOf(entry.member)} removed`;
    case 'delegate':
      return `${nameOf(entry.member)} made a delegate`;
    case 'policy':
      return 'the policy';
    case 'checkpoint':
      return 'a checkpoint';
    case 'rotate':
      return 'a new key';
    default:
      return entry satisfies never;
  }
}
