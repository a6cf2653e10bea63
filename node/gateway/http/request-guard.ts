/**
 * Whether an HTTP request may reach the router at all. The daemon on loopback is a target for every page the user
 * opens, so this is judged from the raw head, before anything is routed, parsed or upgraded.
 */

import type { IncomingMessage } from 'node:http';

/** What the listening address makes acceptable. */
export interface GuardPolicy {
  /** Exact values of Host, lower case, with their port. */
  readonly hosts: ReadonlySet<string>;
  /** Exact values of Origin. */
  readonly origins: ReadonlySet<string>;
}

export interface Refusal {
  readonly status: 400 | 403 | 415 | 421 | 431;
  readonly detail: string;
  readonly hint?: string;
}

/** Node drops what comes after them without a word, so a head that reaches this many was not read whole. */
export const MAX_HEADERS = 100;

type Head = Pick<IncomingMessage, 'method' | 'url' | 'rawHeaders' | 'headers'>;

const BODY_TYPES: ReadonlySet<string> = new Set(['application/json', 'application/cbor']);
/** A secret in a query ends in logs, histories and Referer headers. */
const SECRET_PARAMETERS: ReadonlySet<string> = new Set(['token', 'access_token', 'jwt', 'code', 'authorization']);

/** A path with none of these needs no closer look. */
const MAY_BE_UNPLAIN = /[%\\\0]|\/\./;

/** @param upgrade the request wants to become a WebSocket */
export function judgeRequest(head: Head, policy: GuardPolicy, upgrade = false): Refusal | undefined {
  if (head.rawHeaders.length >= 2 * MAX_HEADERS) {
    return { status: 431, detail: `Cannot read a request with ${MAX_HEADERS} headers or more` };
  }
  return (
    judgeTarget(head.url ?? '') ??
    judgeHost(valuesOf(head, 'host'), policy) ??
    judgeOrigin(valuesOf(head, 'origin'), policy) ??
    judgeFetchSite(valuesOf(head, 'sec-fetch-site'), head.method === 'GET' && !upgrade) ??
    judgeBody(head)
  );
}

function judgeTarget(url: string): Refusal | undefined {
  // Absolute-form names a host of its own choosing; "//" would be read as one by whoever resolves it.
  if (!url.startsWith('/') || url.startsWith('//')) {
    return { status: 400, detail: `Cannot use the request target "${url.slice(0, 80)}": it is no plain path` };
  }
  // Whoever reads the query splits it at the first one only.
  const end = url.indexOf('?');
  const [path, query] = end === -1 ? [url, ''] : [url.slice(0, end), url.slice(end + 1)];
  if (MAY_BE_UNPLAIN.test(path) && !isPlain(path)) {
    return { status: 400, detail: `Cannot use the path "${path.slice(0, 80)}": it is not in plain form` };
  }
  if (query === '') return undefined;
  for (const name of new URLSearchParams(query).keys()) {
    if (!SECRET_PARAMETERS.has(name.toLowerCase())) continue;
    return {
      status: 400,
      detail: `Cannot take "${name}" in a query`,
      hint: 'Send "Authorization: Bearer …".',
    };
  }
  return undefined;
}

function isPlain(path: string): boolean {
  return !/%2f|%5c|%00|\\|\0/i.test(path) && !/(^|\/)(\.|%2e){1,2}(\/|$)/i.test(path);
}

function judgeHost(hosts: readonly string[], policy: GuardPolicy): Refusal | undefined {
  if (hosts.length !== 1) return { status: 400, detail: `Cannot serve a request with ${hosts.length} Host headers` };
  const host = (hosts[0] as string).toLowerCase();
  if (policy.hosts.has(host)) return undefined;
  return {
    status: 421,
    detail: `Cannot serve the host "${host.slice(0, 80)}"`,
    hint: `Use ${[...policy.hosts][0] ?? 'the address that "sandmesh status" names'}; any other name or address has to be in "api.names".`,
  };
}

function judgeOrigin(origins: readonly string[], policy: GuardPolicy): Refusal | undefined {
  if (origins.length === 0) return undefined;
  if (origins.length === 1 && policy.origins.has(origins[0] as string)) return undefined;
  return { status: 403, detail: `Cannot serve a page of "${(origins[0] as string).slice(0, 80)}"` };
}

function judgeFetchSite(sites: readonly string[], navigable: boolean): Refusal | undefined {
  if (sites.length === 0) return undefined;
  const allowed = sites.length === 1 && (sites[0] === 'same-origin' || (sites[0] === 'none' && navigable));
  return allowed ? undefined : { status: 403, detail: 'Cannot serve a request that another site began' };
}

/** A form or a plain text is what a foreign page can send without asking first. */
function judgeBody(head: Head): Refusal | undefined {
  const { 'content-length': length, 'transfer-encoding': encoding } = head.headers;
  const types = valuesOf(head, 'content-type');
  const empty = encoding === undefined && (length === undefined || length === '0');
  if (empty && types.length === 0) return undefined;
  const [type = '', ...parameters] = (types[0] ?? '').toLowerCase().split(';');
  const plain = parameters.every((parameter) => /^\s*charset=("?)utf-8\1\s*$/.test(parameter));
  const coding = head.headers['content-encoding'] ?? 'identity';
  if (coding.toLowerCase() !== 'identity') {
    return {
      status: 415,
      detail: `Cannot read a body in the coding "${coding.slice(0, 80)}"`,
      hint: 'Send it as it is, without Content-Encoding.',
    };
  }
  if (types.length === 1 && BODY_TYPES.has(type.trim()) && plain) return undefined;
  return {
    status: 415,
    detail: `Cannot read a body of type "${(types[0] ?? '').slice(0, 80)}"`,
    hint: 'Send application/json or application/cbor.',
  };
}

/** Every occurrence: Node joins or drops repeated headers in `headers`. */
function valuesOf(head: Head, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < head.rawHeaders.length; i += 2) {
    const raw = head.rawHeaders[i] as string;
    if (raw.length === name.length && raw.toLowerCase() === name) values.push(head.rawHeaders[i + 1] as string);
  }
  return values;
}
