/** What local subscribers were told of each member, so that a control entry about something else tells nothing again. */

import type { Member } from '#shared/model/member.ts';

export class ToldMembers {
  readonly #told = new Map<Member['id'], string>();

  /** @returns those whose view differs from what was told before; where they look has a topic of its own */
  news(views: readonly Member[]): Member[] {
    return views.filter((view) => {
      const { presence: _presence, lastSeenAt: _lastSeenAt, ...lasting } = view;
      const text = JSON.stringify(lasting);
      const known = this.#told.get(view.id);
      this.#told.set(view.id, text);
      return known !== text;
    });
  }
}
