import type { PeerSession } from './peer-session.ts';

/** What a session tells the set of sessions it belongs to. */
export interface SessionListener {
  onLevel(session: PeerSession): void;
  /** It may have something that is missing here. */
  onHeads(session: PeerSession): void;
  /** It has answered a pull. */
  onServed(session: PeerSession): void;
  /** Its member was removed: nothing more is exchanged, the link closes in a moment. */
  onDismissed(session: PeerSession): void;
  onClosed(session: PeerSession): void;
}
