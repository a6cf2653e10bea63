/** The documents of a sandbox: one class of writers each (DESIGN: desired and actual state). */

import { isMemberId, type MemberId } from '../ids.ts';
import type { Right } from '../rights.ts';

/** `debug`, `probes`, `experiments`, `draft/<path>`, `notes/<member>`, `host/<member>`, `state/<member>/<root>`. */
export type DocumentName =
  | 'debug'
  | 'probes'
  | 'experiments'
  | `draft/${string}`
  | `notes/${number}`
  | `host/${number}`
  | `state/${number}/${string}`;

export const MAX_DOCUMENT_NAME_LENGTH = 1100;

/** `crdt`: a Y.Doc that many write. `registers`: signed values with one writer. */
export type DocumentKind = 'crdt' | 'registers';

export interface DocumentClass {
  readonly kind: DocumentKind;
  /** Right the author's role must hold at the envelope's control seq. */
  readonly right: Right;
  /** The only member who may write it, if it has one. */
  readonly owner: MemberId | undefined;
}

/** @returns undefined for a name that is no document: the envelope is refused */
export function classifyDocument(name: string): DocumentClass | undefined {
  if (name.length > MAX_DOCUMENT_NAME_LENGTH) return undefined;
  if (name === 'debug') return { kind: 'crdt', right: 'breakpoint', owner: undefined };
  if (name === 'probes') return { kind: 'crdt', right: 'evaluate', owner: undefined };
  if (name === 'experiments') return { kind: 'crdt', right: 'experiment', owner: undefined };
  const slash = name.indexOf('/');
  if (slash < 0) return undefined;
  const rest = name.slice(slash + 1);
  switch (name.slice(0, slash)) {
    case 'draft':
      return rest === '' ? undefined : { kind: 'crdt', right: 'edit', owner: undefined };
    case 'notes':
      return owned(rest, 'registers', 'comment');
    case 'host':
      return owned(rest, 'registers', 'host');
    case 'state': {
      const end = rest.indexOf('/');
      return end < 1 || end === rest.length - 1 ? undefined : owned(rest.slice(0, end), 'crdt', 'host');
    }
    default:
      return undefined;
  }
}

function owned(digits: string, kind: DocumentKind, right: Right): DocumentClass | undefined {
  const member = Number(digits);
  return isMemberId(member) && String(member) === digits ? { kind, right, owner: member } : undefined;
}
