/** A pipeline over fakes that notes what reaches it, and a sandbox with a member of every role. */

import type { AuditedAction, AuditedEnd } from '#node/pipeline/command-audit.ts';
import { CallLimits } from '#node/pipeline/limits.ts';
import { Pipeline, type PipelineOptions } from '#node/pipeline/pipeline.ts';
import type { CommandRequest, Origin } from '#node/pipeline/request.ts';
import { type CommandName, catalogue } from '#protocol/catalogue/catalogue.ts';
import type { MemberId } from '#shared/ids.ts';
import { CONSENT_RIGHTS, type Role } from '#shared/rights.ts';
import { SANDBOX } from '../sandbox/fake-replica.ts';
import { type FakeSandbox, fakeSandbox, fakeTarget, targetId } from '../sandbox/fake-sandbox.ts';

export const LOCAL: Origin = { kind: 'local' };
export const peer = (member: number): Origin => ({ kind: 'peer', member: member as MemberId });

export const MEMBERS = {
  1: { name: 'Olga', role: 'owner' },
  2: { name: 'Vera', role: 'viewer' },
  3: { name: 'Cora', role: 'commenter' },
  4: { name: 'Dana', role: 'debugger' },
  5: { name: 'Edda', role: 'editor' },
  6: { name: 'Otto', role: 'owner' },
  7: { name: 'Rita', role: 'editor', removed: true },
} as const;
export const MEMBER_OF: Readonly<Record<Role, number>> = { viewer: 2, commenter: 3, debugger: 4, editor: 5, owner: 6 };

export const CDP_SESSION = { target: targetId(1), session: 'c0123456789abcdef' };

/** Arguments that fit, for every command that needs some. */
export const ARGS: Partial<Record<CommandName, Record<string, unknown>>> = {
  'config.get': { key: 'name' },
  'config.set': { key: 'name', value: 'Olga' },
  'sandbox.open': { folder: '/shop' },
  'sandbox.join': { link: 'sandmesh:x' },
  'request.approve': { request: 'ab' },
  'request.deny': { request: 'ab' },
  'chat.send': { text: 'hi' },
  'invite.revoke': { invite: 'abcd' },
  'member.revoke': { member: 2 },
  'member.role': { member: 2, role: 'viewer' },
  'member.delegate': { member: 2 },
  'key.unlock': { passphrase: 'x' },
  'target.launch': { argv: ['node', 'a.js'], folder: '/shop' },
  'target.finish': { launch: 'x', exitCode: 0, signal: null },
  'target.attach': { where: '123' },
  'breakpoint.add': { location: 'a.ts:1' },
  'breakpoint.remove': { breakpoint: '1.abcd' },
  'breakpoint.enable': { breakpoint: '1.abcd', enabled: true },
  'execution.step': { kind: 'over' },
  'debug.get': { session: 'd0123456789ab' },
  'debug.close': { session: 'd0123456789ab' },
  'token.revoke': { id: 't1' },
  'policy.set': { rule: 'evaluate', verdict: 'deny', level: 'staging' },
  'policy.level': { program: 'shop', level: 'staging' },
  'storage.export': { file: '/shop.sandmesh' },
  'storage.import': { file: '/shop.sandmesh' },
  'inspect.variables': { handle: 'h' },
  'inspect.evaluate': { expression: '1 + 1' },
  'inspect.set': { name: 'a', expression: '1' },
  'cdp.open': { target: targetId(1) },
  'cdp.close': CDP_SESSION,
  'cdp.look': { ...CDP_SESSION, method: 'Runtime.getIsolateId', params: {} },
  'cdp.locate': { ...CDP_SESSION, method: 'Debugger.setBreakpoint', params: {} },
  'cdp.evaluate': { ...CDP_SESSION, method: 'Runtime.evaluate', params: { expression: '1' } },
  'cdp.set': { ...CDP_SESSION, method: 'Debugger.setVariableValue', params: {} },
  'snapshot.show': { snapshot: '1.mwt4zhbz06' },
  'snapshot.variables': { snapshot: '1.mwt4zhbz06', handle: 'n0' },
  'snapshot.remove': { snapshot: '1.mwt4zhbz06' },
  'document.open': { document: 'debug' },
  'draft.open': { file: 'a.ts' },
  'draft.show': { file: 'a.ts' },
  'draft.edit': { file: 'a.ts', before: 'a', after: 'b' },
  'draft.discard': { file: 'a.ts' },
  'target.launched': { launch: 'x' },
  'target.terminate': { target: targetId(1) },
  'inspect.lookup': { path: 'a' },
  'inspect.completions': { text: 'a.' },
  'inspect.copy': { handle: 'h' },
  'execution.restart': { frame: 0 },
  'source.breakable': { file: { path: 'a.ts' }, fromLine: 1, toLine: 2 },
};

export type PeerCall = Parameters<PipelineOptions['callPeer']>;

type Recorded = Pick<AuditedAction, 'command' | 'member' | 'target' | 'origin' | 'policy'> & AuditedEnd;

export interface Rig {
  readonly sandbox: FakeSandbox;
  readonly outcomes: Recorded[];
  /** Commands whose beginning was recorded, each with how many handlers had run by then. */
  readonly begun: (readonly [string, number])[];
  readonly faults: unknown[];
  readonly executed: { name: string; args: Record<string, unknown>; context: Record<string, unknown> }[];
  readonly peerCalls: PeerCall[];
  readonly resolved: unknown[][];
  ask(command: string, args?: Record<string, unknown>, change?: Partial<CommandRequest>): Promise<unknown>;
}

export type Handle = (args: Record<string, unknown>, signal: AbortSignal) => Promise<unknown>;

export function rig(
  options: { sandbox?: FakeSandbox; handle?: Handle; pipeline?: Partial<PipelineOptions> } = {},
): Rig {
  const sandbox = options.sandbox ?? fakeSandbox({ members: MEMBERS, targets: [fakeTarget(targetId(1))] });
  const handle: Handle = options.handle ?? (async () => ({ done: true }));
  const outcomes: Recorded[] = [];
  const begun: Rig['begun'] = [];
  const faults: unknown[] = [];
  const executed: Rig['executed'] = [];
  const peerCalls: PeerCall[] = [];
  const resolved: unknown[][] = [];
  const handlers = Object.fromEntries(
    Object.keys(catalogue).map((name) => [
      name,
      (args: never, context: { signal: AbortSignal }) => {
        executed.push({ name, args, context: context as never });
        return handle(args, context.signal);
      },
    ]),
  );
  const pipeline = new Pipeline({
    limits: new CallLimits(() => performance.now()),
    resolveSandbox: async (...wanted) => {
      resolved.push(wanted);
      return sandbox;
    },
    sandboxHandlers: handlers,
    daemonHandlers: handlers,
    callPeer: async (...call) => {
      peerCalls.push(call);
      return { from: 'peer' };
    },
    audit: {
      begin: ({ command }) => begun.push([command, executed.length]),
      end: async ({ command, member, target, origin, policy }, end) => {
        outcomes.push({ command, member, target, origin, policy, ...end });
      },
    },
    onFault: (fault) => faults.push(fault),
    ...options.pipeline,
  });
  const ask: Rig['ask'] = (command, args = {}, change = {}) =>
    pipeline.run({
      command,
      args,
      origin: LOCAL,
      session: 'cli-1',
      sandbox: SANDBOX,
      folder: '/shop',
      timeoutMs: undefined,
      signal: new AbortController().signal,
      ...change,
    });
  return { sandbox, outcomes, begun, faults, executed, peerCalls, resolved, ask };
}

export function allowAll(sandbox: FakeSandbox): void {
  for (const member of Object.values(MEMBER_OF)) {
    for (const right of CONSENT_RIGHTS) {
      const program = sandbox.targetChoices()[0]?.target.name ?? '';
      sandbox.consents.record({ member: member as MemberId, program, right }, 'allow');
    }
  }
}
