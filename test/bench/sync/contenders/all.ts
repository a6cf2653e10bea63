/** Every contender by name. */

import { optimiseSoon } from '#node/v8-settings.ts';
import type { Contender, ContenderName } from '../contender.ts';
import { hocuspocus } from './hocuspocus.ts';
import { sandmesh } from './sandmesh.ts';
import { signedTcp } from './signed-tcp.ts';
import { yWebsocket } from './y-websocket.ts';
import { yjsTcp } from './yjs-tcp.ts';

export const contenders: Readonly<Record<ContenderName, () => Contender>> = {
  sandmesh,
  'y-websocket': () => yWebsocket(false),
  'y-websocket-deflate': () => yWebsocket(true),
  // With the one setting of V8's that our daemon has and it lacks: how much of the difference is that.
  'y-websocket-tuned': () => {
    optimiseSoon();
    return yWebsocket(false);
  },
  hocuspocus,
  'signed-tcp': signedTcp,
  'yjs-tcp': yjsTcp,
};
