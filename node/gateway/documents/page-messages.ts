/** The messages of a document's WebSocket, written; what is read of them is `page-connection.ts`'s. */

import * as encoding from 'lib0/encoding';
import {
  MESSAGE_AUTH,
  MESSAGE_AWARENESS,
  MESSAGE_DURABLE,
  MESSAGE_SYNC,
  PERMISSION_DENIED,
  SYNC_STEP_1,
  SYNC_STEP_2,
  SYNC_UPDATE,
} from '#protocol/api/document-messages.ts';

function sync(step: number, bytes: Uint8Array): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, MESSAGE_SYNC);
  encoding.writeVarUint(encoder, step);
  encoding.writeVarUint8Array(encoder, bytes);
  return encoding.toUint8Array(encoder);
}

/** Asks for everything beyond a state vector. */
export function step1Message(stateVector: Uint8Array): Uint8Array {
  return sync(SYNC_STEP_1, stateVector);
}

export function step2Message(update: Uint8Array): Uint8Array {
  return sync(SYNC_STEP_2, update);
}

export function updateMessage(update: Uint8Array): Uint8Array {
  return sync(SYNC_UPDATE, update);
}

/** @param update as y-protocols encodes awareness */
export function awarenessMessage(update: Uint8Array): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, MESSAGE_AWARENESS);
  encoding.writeVarUint8Array(encoder, update);
  return encoding.toUint8Array(encoder);
}

/** What a stock client shows as a warning. */
export function deniedMessage(reason: string): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, MESSAGE_AUTH);
  encoding.writeVarUint(encoder, PERMISSION_DENIED);
  encoding.writeVarString(encoder, reason);
  return encoding.toUint8Array(encoder);
}

/** @param updates of this page on this connection */
export function durableMessage(updates: number): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, MESSAGE_DURABLE);
  encoding.writeVarUint(encoder, updates);
  return encoding.toUint8Array(encoder);
}
