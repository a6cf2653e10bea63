/** Who is who in the session's sandbox: breakpoints, stops and refusals are told with the name of whose they are. */

import type { MemberId } from '#shared/ids.ts';
import type { Member } from '#shared/model/member.ts';
import type { DapSession } from './dap-session.ts';

export class MemberNames {
  readonly #session: DapSession;
  readonly #members = new Map<MemberId, Member>();
  #self: MemberId | undefined;

  constructor(session: DapSession) {
    this.#session = session;
  }

  get self(): MemberId | undefined {
    return this.#self;
  }

  async load(): Promise<void> {
    const { members } = await this.#session.run('member.list', {});
    for (const member of members) this.take(member);
  }

  take(member: Member): void {
    this.#members.set(member.id, member);
    if (member.self) this.#self = member.id;
  }

  nameOf(id: MemberId): string {
    return this.#members.get(id)?.name ?? `member ${id}`;
  }

  /** `you`, or the name. */
  called(id: MemberId): string {
    return id === this.#self ? 'you' : this.nameOf(id);
  }
}
