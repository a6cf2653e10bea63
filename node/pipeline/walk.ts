/** One command on its way through the pipeline: what is known of it so far. The audit log is written from it. */

import type { CommandDefinition } from '#protocol/catalogue/command.ts';
import type { MemberId, TargetId } from '#shared/ids.ts';
import type { HostedSandbox } from '../sandbox/hosted-sandbox.ts';
import type { PolicyVerdict } from '../security/policy.ts';
import type { AuditedAction } from './command-audit.ts';
import type { CommandRequest } from './request.ts';

export class Walk implements AuditedAction {
  readonly request: CommandRequest;
  definition: CommandDefinition | undefined;
  sandbox: HostedSandbox | undefined;
  member: MemberId | undefined;
  target: TargetId | undefined;
  policy: PolicyVerdict | undefined;
  begun: number | undefined;
  /** Policy lets code run, but not change anything. */
  readOnly = false;
  readonly #borrowed: (() => void)[] = [];

  constructor(request: CommandRequest) {
    this.request = request;
  }

  /** @param giveBack called when the command has really ended */
  borrow(giveBack: () => void): void {
    this.#borrowed.push(giveBack);
  }

  giveBack(): void {
    for (const giveBack of this.#borrowed.splice(0)) giveBack();
  }

  get command(): string {
    return this.request.command;
  }
  get args(): Readonly<Record<string, unknown>> {
    return this.request.args;
  }
  get origin(): 'local' | 'peer' {
    return this.request.origin.kind;
  }
  /** Acts on a process, or policy wants it on record. */
  get audited(): boolean {
    const verdict = this.policy?.verdict;
    return this.definition?.audited === true || (verdict !== undefined && verdict !== 'allow');
  }
}
