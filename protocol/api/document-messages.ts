/**
 * What the WebSocket of a document carries: the messages of y-websocket, so that its stock client works, and two of our
 * own for clients that ask for them. Bytes as lib0 encodes them: a varint says what follows.
 */

import { API_PREFIX } from './rest-routes.ts';

export const DOCUMENTS_PATH = `${API_PREFIX}/documents`;
/** Subprotocol; beside it, as everywhere, the access token. */
export const DOCUMENT_PROTOCOL = 'sandmesh.document.v1';
/** Offered along by a client that wants to be told what is durable; the stock one would not know the message. */
export const DURABLE_PROTOCOL = 'sandmesh.durable.v1';

/** y-websocket's. */
export const MESSAGE_SYNC = 0;
export const MESSAGE_AWARENESS = 1;
export const MESSAGE_AUTH = 2;
export const MESSAGE_QUERY_AWARENESS = 3;
/** y-protocols' messages inside a sync message. */
export const SYNC_STEP_1 = 0;
export const SYNC_STEP_2 = 1;
export const SYNC_UPDATE = 2;
/** Inside an auth message; a text follows. */
export const PERMISSION_DENIED = 0;

/**
 * To the page: varint, how many of its updates on this connection survive a loss of power, along with all it said when it
 * was asked.
 */
export const MESSAGE_DURABLE = 100;
/** From the page: text, a fresh access token of the same token. */
export const MESSAGE_RENEW = 101;

/** A y-websocket client does not come back by itself after a code from 4400 to 4499. */
export const CLOSE_CODES = {
  /** The access token has ended. */
  unauthenticated: 4401,
  /** Nothing of it can be read here any more: its sandbox was left. */
  forbidden: 4403,
  /** The room is of the past: the document was built anew, or the page's id is used up. Open it again. */
  stale: 4409,
  /** The page wrote what cannot be shared: its copy is no use any more. */
  refused: 4422,
} as const;
