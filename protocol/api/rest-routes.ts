/**
 * The REST resources of `/api/v1`, each a name for a command of the catalogue. From this table and the catalogue come
 * the routes and the OpenAPI document; a command without a resource of its own is reached at `/commands/<name>`.
 */

import { type CommandName, commandDefinition } from '../catalogue/catalogue.ts';

export const API_PREFIX = '/api/v1';

export interface RestRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** After the prefix. `{sandbox}` is what the command is about; every other parameter is an argument of that name. */
  readonly path: string;
  readonly command: CommandName;
  /** Of success; 200 unless given. */
  readonly status?: 200 | 201 | 202;
  /** The list in the result that `limit` and `cursor` page through. */
  readonly items?: string;
  /** What names an item of that list, and no other: `id` unless given. */
  readonly key?: string;
  /** Arguments that the path implies. */
  readonly fixed?: Readonly<Record<string, unknown>>;
  readonly tag: string;
  /** The path names no sandbox: the body does, in `sandbox`. */
  readonly sandboxInBody?: true;
}

const SANDBOX = '/sandboxes/{sandbox}';
const TARGET = `${SANDBOX}/targets/{target}`;

export const REST_ROUTES: readonly RestRoute[] = [
  { tag: 'Node', method: 'GET', path: '/node', command: 'daemon.status' },
  { tag: 'Node', method: 'DELETE', path: '/node', command: 'daemon.stop', status: 202 },
  { tag: 'Node', method: 'GET', path: '/node/processes', command: 'target.candidates', items: 'processes', key: 'pid' },
  { tag: 'Tokens', method: 'GET', path: '/tokens', command: 'token.list', items: 'tokens' },
  { tag: 'Tokens', method: 'POST', path: '/tokens', command: 'token.create', status: 201 },
  { tag: 'Tokens', method: 'DELETE', path: '/tokens/{id}', command: 'token.revoke' },
  { tag: 'Audit', method: 'GET', path: '/audit', command: 'audit.list' },
  { tag: 'Audit', method: 'GET', path: '/audit/verification', command: 'audit.verify' },
  { tag: 'Configuration', method: 'GET', path: '/config', command: 'config.list', items: 'entries', key: 'key' },
  { tag: 'Configuration', method: 'GET', path: '/config/{key}', command: 'config.get' },
  { tag: 'Configuration', method: 'PUT', path: '/config/{key}', command: 'config.set' },

  { tag: 'Sandboxes', method: 'GET', path: '/sandboxes', command: 'sandbox.list', items: 'sandboxes' },
  { tag: 'Sandboxes', method: 'POST', path: '/sandboxes', command: 'sandbox.open', status: 201 },
  { tag: 'Sandboxes', method: 'POST', path: '/sandboxes/join', command: 'sandbox.join', status: 201 },
  { tag: 'Sandboxes', method: 'POST', path: `${SANDBOX}/links`, command: 'sandbox.share', status: 201 },
  { tag: 'Sandboxes', method: 'GET', path: SANDBOX, command: 'sandbox.get' },
  { tag: 'Sandboxes', method: 'PUT', path: SANDBOX, command: 'sandbox.update' },
  { tag: 'Sandboxes', method: 'DELETE', path: SANDBOX, command: 'sandbox.leave' },

  { tag: 'Invites', method: 'GET', path: `${SANDBOX}/invites`, command: 'invite.list', items: 'invites' },
  { tag: 'Invites', method: 'POST', path: `${SANDBOX}/invites`, command: 'invite.create', status: 201 },
  { tag: 'Invites', method: 'DELETE', path: `${SANDBOX}/invites/{invite}`, command: 'invite.revoke' },
  { tag: 'Members', method: 'PUT', path: `${SANDBOX}/members/{member}/role`, command: 'member.role' },
  { tag: 'Members', method: 'DELETE', path: `${SANDBOX}/members/{member}`, command: 'member.revoke' },
  {
    tag: 'Members',
    method: 'GET',
    path: `${SANDBOX}/sessions`,
    command: 'session.list',
    items: 'sessions',
    key: 'member',
  },
  { tag: 'Members', method: 'GET', path: `${SANDBOX}/members`, command: 'member.list', items: 'members' },
  { tag: 'Members', method: 'PUT', path: `${SANDBOX}/presence`, command: 'presence.set' },
  { tag: 'Members', method: 'GET', path: `${SANDBOX}/chat`, command: 'chat.list' },
  { tag: 'Members', method: 'POST', path: `${SANDBOX}/chat`, command: 'chat.send', status: 201 },
  { tag: 'Requests', method: 'GET', path: `${SANDBOX}/requests`, command: 'request.list', items: 'requests' },
  { tag: 'Requests', method: 'POST', path: `${SANDBOX}/requests/{request}/approval`, command: 'request.approve' },
  { tag: 'Requests', method: 'POST', path: `${SANDBOX}/requests/{request}/denial`, command: 'request.deny' },

  { tag: 'Targets', method: 'GET', path: `${SANDBOX}/targets`, command: 'target.list', items: 'targets' },
  { tag: 'Targets', method: 'POST', path: `${SANDBOX}/targets`, command: 'target.attach', status: 201 },
  { tag: 'Targets', method: 'DELETE', path: TARGET, command: 'target.detach' },
  { tag: 'Targets', method: 'GET', path: `${TARGET}/output`, command: 'output.read' },
  { tag: 'Targets', method: 'GET', path: `${TARGET}/hits`, command: 'hits.read' },
  { tag: 'Targets', method: 'GET', path: `${TARGET}/sources`, command: 'source.list' },
  { tag: 'Targets', method: 'PUT', path: `${TARGET}/lease`, command: 'lease.take' },
  { tag: 'Targets', method: 'DELETE', path: `${TARGET}/lease`, command: 'lease.release' },

  {
    tag: 'Breakpoints',
    method: 'GET',
    path: `${SANDBOX}/breakpoints`,
    command: 'breakpoint.list',
    items: 'breakpoints',
  },
  { tag: 'Breakpoints', method: 'POST', path: `${SANDBOX}/breakpoints`, command: 'breakpoint.add', status: 201 },
  { tag: 'Breakpoints', method: 'PATCH', path: `${SANDBOX}/breakpoints/{breakpoint}`, command: 'breakpoint.enable' },
  { tag: 'Breakpoints', method: 'DELETE', path: `${SANDBOX}/breakpoints/{breakpoint}`, command: 'breakpoint.remove' },

  { tag: 'Debug sessions', method: 'GET', path: '/debug/sessions', command: 'debug.list', items: 'sessions' },
  {
    tag: 'Debug sessions',
    method: 'POST',
    path: '/debug/sessions',
    command: 'debug.open',
    status: 201,
    sandboxInBody: true,
  },
  { tag: 'Debug sessions', method: 'GET', path: '/debug/sessions/{session}', command: 'debug.get' },
  { tag: 'Debug sessions', method: 'DELETE', path: '/debug/sessions/{session}', command: 'debug.close' },
  { tag: 'Execution', method: 'GET', path: `${SANDBOX}/pauses`, command: 'pause.list', items: 'pauses', key: 'target' },
  { tag: 'Execution', method: 'POST', path: `${TARGET}/pause`, command: 'execution.pause' },
  { tag: 'Execution', method: 'POST', path: `${TARGET}/resume`, command: 'execution.resume' },
  { tag: 'Execution', method: 'POST', path: `${TARGET}/step`, command: 'execution.step' },
  { tag: 'Execution', method: 'GET', path: `${TARGET}/stack`, command: 'inspect.stack' },
  { tag: 'Execution', method: 'GET', path: `${TARGET}/scopes`, command: 'inspect.scopes' },
  { tag: 'Execution', method: 'POST', path: `${TARGET}/evaluate`, command: 'inspect.evaluate' },

  { tag: 'Snapshots', method: 'GET', path: `${SANDBOX}/snapshots`, command: 'snapshot.list', items: 'snapshots' },
  { tag: 'Snapshots', method: 'POST', path: `${SANDBOX}/snapshots`, command: 'snapshot.take', status: 201 },
  { tag: 'Snapshots', method: 'GET', path: `${SANDBOX}/snapshots/{snapshot}`, command: 'snapshot.show' },
  { tag: 'Snapshots', method: 'DELETE', path: `${SANDBOX}/snapshots/{snapshot}`, command: 'snapshot.remove' },
  {
    tag: 'Snapshots',
    method: 'GET',
    path: `${SANDBOX}/snapshots/{snapshot}/variables`,
    command: 'snapshot.variables',
  },
];

/** Names in braces, in order. */
export function pathParameters(path: string): string[] {
  return [...path.matchAll(/\{([a-zA-Z]+)\}/g)].map((match) => match[1] as string);
}

/** Where a command without a resource of its own, or any other, is reached. */
export function commandPath(command: CommandName | ':command'): string {
  return `/commands/${command}`;
}

/** Whether arguments travel in the query rather than in a body. */
export function takesQuery(route: Pick<RestRoute, 'method'>): boolean {
  return route.method === 'GET' || route.method === 'DELETE';
}

/** Whether repeating it must not do it twice: it takes an `Idempotency-Key`. */
export function isWrite(route: Pick<RestRoute, 'command'>): boolean {
  return commandDefinition(route.command).effect === 'write';
}
