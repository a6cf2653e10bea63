/** Where a command's walk is written down: every denial, and every action on a process before it is done. */

import type { MemberId, TargetId } from '#shared/ids.ts';
import type { HostedSandbox } from '../sandbox/hosted-sandbox.ts';
import type { PolicyVerdict } from '../security/policy.ts';

/** What is known of a request so far. */
export interface AuditedAction {
  readonly command: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly origin: 'local' | 'peer';
  readonly sandbox: HostedSandbox | undefined;
  readonly member: MemberId | undefined;
  readonly target: TargetId | undefined;
  readonly policy: PolicyVerdict | undefined;
}

export interface AuditedEnd {
  /** What {@link CommandAudit.begin} gave; undefined when nothing was begun here. */
  readonly begun: number | undefined;
  /** `ok` or the error's stable code. */
  readonly outcome: string;
  readonly reason: string | undefined;
  /** Refused by a right, a role, a consent or a policy. */
  readonly denied: boolean;
}

export interface CommandAudit {
  /**
   * About to act on a process here: written to the file when this returns.
   *
   * @returns what `end` is to be told
   * @throws {SandboxError} HOME_UNWRITABLE: what cannot be recorded is not done
   */
  begin(action: AuditedAction): number;
  /** Resolves when the line is durable. @throws {SandboxError} HOME_UNWRITABLE */
  end(action: AuditedAction, end: AuditedEnd): Promise<void>;
}
