/** Every contender by name. */

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
  hocuspocus,
  'signed-tcp': signedTcp,
  'yjs-tcp': yjsTcp,
};
