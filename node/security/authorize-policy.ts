/**
 * Step: what policy makes of a command on one of this host's processes. `deny` refuses, `audit` lets pass and has it
 * recorded, `ask` puts this very command to the host's person: no answer in time is a no, and no answer is remembered.
 */

import type { CommandDefinition } from '#protocol/catalogue/command.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import { ACTIONS_OF, isPolicyRight } from '#shared/model/policy.ts';
import type { Target } from '#shared/model/target.ts';
import type { ControlView } from '../network/replication/replica-interface.ts';
import type { PendingRequests } from '../sandbox/pending-requests.ts';
import { describeArguments } from './audit/describe-arguments.ts';
import type { Consents } from './consent.ts';
import { identify } from './member-identity.ts';
import type { PolicyVerdict, SandboxPolicy } from './policy.ts';

export interface PolicyQuestion {
  readonly definition: CommandDefinition;
  readonly args: Readonly<Record<string, unknown>>;
  readonly member: MemberId;
  readonly target: Target;
  readonly control: ControlView;
  readonly policy: SandboxPolicy;
  readonly consents: Consents;
  readonly requests: PendingRequests;
  /** Its signal is made only when somebody has to be asked. */
  readonly until: { readonly signal: AbortSignal };
  /** The question is open this long. */
  readonly waitMs: number;
}

const STAKE_CHARS = 300;
/** Two equal commands are two questions. */
let questions = 0;

/**
 * @param onVerdict told before anybody is asked, so that a denial is on record with the policy that caused it
 * @returns `asked`: the person said yes to this command a moment ago
 * @throws {SandboxError} FORBIDDEN by a denying policy; CONSENT_DENIED by a no, or by silence; CONFIG_INVALID
 */
export async function authorizePolicy(
  question: PolicyQuestion,
  onVerdict: (verdict: PolicyVerdict) => void,
): Promise<PolicyVerdict & { readonly asked: boolean }> {
  const { definition, member, target, policy } = question;
  const { right } = definition;
  if (!isPolicyRight(right)) {
    return { verdict: 'allow', level: policy.levelOf(target), source: 'default', asked: false };
  }
  const judged = policy.judge(right, member, target);
  onVerdict(judged);
  if (judged.verdict === 'deny') throw policyDenied(definition, target, judged);
  if (judged.verdict !== 'ask') return { ...judged, asked: false };
  await ask(question, right);
  return { ...judged, asked: true };
}

async function ask(question: PolicyQuestion, right: PolicyVerdictRight): Promise<void> {
  const { definition, args, member, target, control, consents, requests, waitMs } = question;
  const { signal } = question.until;
  if (consents.answer({ member, program: target.name, right }) === 'deny') throw hostSaidNo(definition, target);
  const { name, fingerprint, warning } = identify(control, member);
  const what = describeArguments(definition.name, args).slice(0, STAKE_CHARS);
  const details = {
    kind: 'action' as const,
    name,
    fingerprint,
    member,
    target: target.id,
    program: target.name,
    right,
    stake: `Runs ${definition.name} in "${target.name}"${what === '' ? '' : `: ${what}`}`,
    ...(warning === undefined ? {} : { warning }),
  };
  let approved: boolean;
  try {
    questions += 1;
    // The yes is to this one call: once its caller is gone there is nothing to say yes to.
    ({ approved } = await requests.ask(`action ${questions}`, details, { moot: signal, lifetimeMs: waitMs }));
  } catch (error) {
    const isSilence = error instanceof SandboxError && error.code === 'CANCELLED' && !signal.aborted;
    if (!isSilence) throw error;
    const seconds = Math.round(waitMs / 1000);
    const text = `Nobody at the host of "${target.name}" allowed "${definition.name}" within ${seconds} s`;
    throw new SandboxError('CONSENT_DENIED', text, { hint: 'Ask the host to answer its prompt, and try again.' });
  }
  if (!approved) throw hostSaidNo(definition, target);
}

type PolicyVerdictRight = Parameters<SandboxPolicy['judge']>[0];

function hostSaidNo(definition: CommandDefinition, target: Target): SandboxError {
  return new SandboxError('CONSENT_DENIED', `The host of "${target.name}" said no to "${definition.name}"`);
}

function policyDenied(definition: CommandDefinition, target: Target, judged: PolicyVerdict): SandboxError {
  const { right } = definition;
  const rule = isPolicyRight(right) ? (ACTIONS_OF[right][0] ?? right) : right;
  const text = `Cannot run "${definition.name}": the policy for ${judged.level} denies ${rule} on "${target.name}"`;
  return new SandboxError('FORBIDDEN', text, {
    hint: `Its host decides: "sandmesh policy set ${judged.level} ${rule} allow" there allows it.`,
  });
}
