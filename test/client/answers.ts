/** A fake daemon's answer to every command the CLI knows. */

import type { ContentHash } from '#shared/ids.ts';
import { type FakeHandlers, SANDBOX } from './fake-daemon.ts';
import {
  breakpoint,
  members,
  opened,
  pause,
  request,
  sandbox,
  sourceGet,
  TARGET_ID,
  target,
  targetView,
} from './samples.ts';

export const variable = { name: 'total', value: '42', type: 'number' };
export const line = (sequence: number, text: string, stream = 'log') => ({
  target: TARGET_ID,
  sequence,
  stream,
  text,
  at: 1,
});
const status = {
  version: '0.1.0',
  pid: 1,
  node: 'v20',
  home: '/h',
  uptimeMs: 5_000,
  rssBytes: 80e6,
  addresses: [],
  sandboxes: 1,
  targets: 1,
  clients: 1,
  peers: 0,
};
const entry = { key: 'name', value: 'ada', source: 'file', description: 'Your name' };

const invite = {
  id: '3fa9c2d17b00',
  role: 'viewer',
  uses: 20,
  used: 3,
  expiresAt: Date.now() + 7_100_000,
  approval: false,
  state: 'open',
  admitter: 2,
  addresses: ['10.0.0.0/8'],
};
const session = {
  member: 2,
  openedAt: Date.now() - 3_600_000,
  lastSeenAt: Date.now() - 1_000,
  expiresAt: Date.now() + 39_600_000,
  address: '/ip4/192.168.1.7/tcp/4001',
};

const auditLine = (seq: number, type: string, outcome: string) => ({
  v: 1,
  seq,
  previous: '',
  at: 1_700_000_000_000,
  type,
  ...(type === 'ended' ? { of: seq - 1 } : { name: 'bob', key: '1a2b 3c4d', detail: 'cart.total', program: 'shop' }),
  via: 'peer',
  what: 'inspect.evaluate',
  outcome,
});
const policyRow = { rule: 'code_execution', verdict: 'audit', source: 'default', covers: ['evaluate'] };
const policyLevels = { development: [policyRow], staging: [policyRow], production: [policyRow] };
const storedWhole = {
  sandbox: SANDBOX,
  folder: '/h/s',
  records: 1,
  controlEntries: 1,
  envelopes: 0,
  chains: 0,
  signatures: 1,
  blobs: 0,
  problems: [],
};

const draftText = { id: '1.0a0b0c0d', sha256: 'ab'.repeat(32) as ContentHash, by: 1, at: 1, chars: 4 };
const draft = { file: 'src/cart.ts', document: 'draft/src/cart.ts', texts: [draftText] };

export const everything: FakeHandlers = {
  'sandbox.open': () => opened,
  'sandbox.share': ({ role }) => ({ ...opened, role: role ?? 'debugger' }),
  'sandbox.list': () => ({ sandboxes: [sandbox] }),
  'sandbox.get': () => sandbox,
  'sandbox.join': () => ({ sandbox, bound: true }),
  'sandbox.leave': () => ({ left: SANDBOX }),
  'member.list': () => ({ members }),
  'invite.create': () => ({ ...opened, invite }),
  'invite.list': () => ({ invites: [invite, { ...invite, id: 'deadbeef0000', state: 'used', used: 1 }] }),
  'invite.revoke': () => ({ invite: { ...invite, state: 'revoked' } }),
  'member.revoke': ({ member }) => ({ member, name: 'bob' }),
  'member.role': ({ member, role }) => ({ member, name: 'bob', role }),
  'member.delegate': ({ member, role, end }) => ({ member, name: 'bob', ...(end ? {} : { role: role ?? 'debugger' }) }),
  'session.list': () => ({ sessions: [session] }),
  'sandbox.recover': () => ({ seq: 9, recoveryFile: '/h/recovery.key' }),
  'key.protect': ({ next, keyring }) => {
    const by = keyring === true ? 'keyring' : next === undefined ? 'none' : 'passphrase';
    return { protected: by !== 'none', by };
  },
  'key.unlock': () => ({ unlocked: true }),
  'target.list': () => ({ targets: [targetView] }),
  'target.attach': () => target,
  'target.detach': () => ({ detached: TARGET_ID }),
  'target.candidates': () => ({ processes: [{ pid: 7, command: 'node x.js' }] }),
  'hits.read': () => ({ hits: [] }),
  'output.read': () => ({ lines: [line(1, 'hello'), line(2, 'oops', 'error')] }),
  'request.list': () => ({ requests: [request] }),
  'request.approve': () => ({ request }),
  'request.deny': () => ({ request }),
  'lease.take': () => ({ held: true, holder: 1 }),
  'lease.release': () => ({ held: false, holder: null }),
  'chat.send': ({ text }) => ({ member: 1, text, at: 1 }),
  'chat.list': () => ({ lines: [{ member: 2, text: 'look', at: 1 }] }),
  'breakpoint.add': () => breakpoint,
  'breakpoint.list': () => ({ breakpoints: [breakpoint] }),
  'breakpoint.remove': (args) => ({ removed: args.breakpoint }),
  'breakpoint.enable': ({ enabled }) => ({ ...breakpoint, enabled }),
  'execution.pause': () => ({ requested: true }),
  'execution.resume': () => ({ resumed: true }),
  'execution.step': () => ({ pause }),
  'inspect.stack': () => ({ pause }),
  'inspect.scopes': () => ({
    scopes: [{ type: 'local', handle: 'h1', variables: [variable], truncated: false }],
  }),
  'inspect.variables': () => ({ variables: [variable], total: 1 }),
  'inspect.evaluate': () => ({ result: variable, threw: false }),
  'inspect.set': () => ({ result: variable }),
  'source.list': () => ({ files: [{ path: 'src/cart.ts' }], total: 1 }),
  'source.get': sourceGet,
  'daemon.status': () => status,
  'audit.list': () => ({ entries: [auditLine(1, 'begun', 'begun'), auditLine(2, 'ended', 'ok')] }),
  'audit.verify': () => ({ folder: '/h/audit', lines: 2, signatures: 2, anchors: 1, problems: [] }),
  'policy.show': () => ({ file: '/h/policy.json', levels: policyLevels, targets: [] }),
  'policy.set': ({ rule, verdict, level, program }) => ({ rule, verdict, where: level ?? program ?? '' }),
  'policy.level': ({ program, level }) => ({ program, level }),
  'storage.verify': () => ({ sandboxes: [storedWhole] }),
  'storage.export': ({ file, keys }) => ({ file, sandbox: SANDBOX, bytes: 9, keys: keys === true }),
  'storage.import': () => ({ sandbox: SANDBOX, name: 'shop', keys: false }),
  'breakpoint.undo': () => ({ undone: null }),
  'draft.open': ({ file }) => ({ ...draft, file }),
  'draft.list': () => ({ drafts: [draft] }),
  'draft.show': ({ file }) => ({ file, ...draftText, content: 'one\n' }),
  'draft.edit': ({ file, after }) => ({ file, text: draftText.id, chars: after.length }),
  'draft.discard': ({ file }) => ({ file, discarded: draftText.id }),
  'config.get': () => entry,
  'config.set': () => entry,
  'config.list': () => ({ entries: [entry] }),
};
