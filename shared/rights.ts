/**
 * Rights per verb and the roles that bundle them. Who holds which role is the control log's business; whether a
 * host lets a right take effect on its process is `node/security`'s.
 */

/** Every right, weakest first. A command in the catalogue names exactly one. */
export const RIGHTS = [
  'view',
  'comment',
  'breakpoint',
  'control',
  'profile',
  'edit',
  'evaluate',
  'patch',
  'experiment',
  'state-write',
  'host',
  'admin',
] as const;
export type Right = (typeof RIGHTS)[number];

/**
 * Rights that run code in, or change, a host's process: each needs the host's consent per member and target on top
 * of the role.
 */
export const CONSENT_RIGHTS: ReadonlySet<Right> = new Set(['evaluate', 'patch', 'experiment', 'state-write']);

export const ROLES = ['viewer', 'commenter', 'debugger', 'editor', 'owner'] as const;
export type Role = (typeof ROLES)[number];

const viewer: readonly Right[] = ['view'];
const commenter: readonly Right[] = [...viewer, 'comment'];
// `host` lets a member bring targets of its own into the sandbox: it endangers nobody else's process.
const debuggerRole: readonly Right[] = [...commenter, 'breakpoint', 'control', 'evaluate', 'profile', 'host'];
const editor: readonly Right[] = [...debuggerRole, 'edit', 'patch', 'experiment', 'state-write'];

/** Role → rights; each role holds all rights of the roles before it. */
export const ROLE_RIGHTS: Readonly<Record<Role, ReadonlySet<Right>>> = {
  viewer: new Set(viewer),
  commenter: new Set(commenter),
  debugger: new Set(debuggerRole),
  editor: new Set(editor),
  owner: new Set(RIGHTS),
};

/** Whether `role` bundles `right`. */
export function roleHolds(role: Role, right: Right): boolean {
  return ROLE_RIGHTS[role].has(right);
}

/** Roles that can touch a process: an invite for one of them waits for a person's approval. */
export function roleNeedsApproval(role: Role): boolean {
  return role !== 'viewer' && role !== 'commenter';
}
