/** A conversation in frames over a byte stream: what the CLI talks over the user's own socket. */

import { Channel } from '#protocol/channel.ts';
import { FRAME_VERSION } from '#protocol/frame.ts';
import { SandboxError } from '#shared/errors.ts';
import { type CallOptions, type Connector, gone } from './conversation.ts';
import { Pulse, type PulseOptions } from './pulse.ts';
import type { ByteConnector } from './transport.ts';
import { Turns } from './turns.ts';

const MAX_AGENT_CHARS = 100;
/** Below the 256 of a channel: one that was given up may still be going on at the daemon. */
const MAX_CALLS_AT_ONCE = 200;

/** @param every see {@link Pulse} */
export function framed(connect: ByteConnector, every?: PulseOptions['every']): Connector {
  return async (events, { signal, agent }) => {
    let channel: Channel | undefined;
    let over = false;
    let farewell: string | undefined;
    let pulse: Pulse | undefined;
    const lose = (reason: SandboxError): void => {
      if (over) return;
      over = true;
      pulse?.stop();
      channel?.close(reason);
      events.onLost(reason);
    };
    const transport = await connect(
      {
        onData: (chunk) => {
          pulse?.heard();
          try {
            channel?.receive(chunk);
          } catch (error) {
            // Not our protocol, or garbled: the stream has no boundaries any more.
            transport.close();
            lose(SandboxError.from(error));
          }
        },
        onClose: (cause) => lose(gone(cause, farewell)),
      },
      { signal },
    );
    const opened = new Channel({
      send: (bytes) => transport.send(bytes),
      onBroadcast: (broadcast) => events.onBroadcast(broadcast),
      onControl: (control) => {
        if (control.command === 'refused')
          return events.onRefused(control.params, SandboxError.fromData(control.params));
        if (control.command !== 'bye') return;
        farewell = control.params.reason;
        events.onBye(farewell);
      },
    });
    channel = opened;
    const beating = new Pulse({
      ask: () => opened.control({ command: 'ping', params: { nonce: 0 } }),
      onSilent: (reason) => {
        transport.close();
        lose(reason);
      },
      ...(every === undefined ? {} : { every }),
    });
    pulse = beating;
    // It may have closed before anybody heard that it is open.
    if (over) beating.stop();
    opened.control({ command: 'hello', params: { agent: agent.slice(0, MAX_AGENT_CHARS), protocol: FRAME_VERSION } });
    const turns = new Turns(MAX_CALLS_AT_ONCE);
    const call = (command: string, args: object, options: CallOptions): Promise<unknown> => {
      const { sandbox, folder, timeoutMs, signal: ended } = options;
      const done = opened.call(command, args, {
        ...(sandbox === undefined ? {} : { sandbox }),
        folder,
        timeoutMs,
        ...(ended === undefined ? {} : { signal: ended }),
      });
      return done.finally(() => turns.give());
    };
    return {
      call: (command, args, options) => {
        // At once where there is room: what is said afterwards comes afterwards.
        if (turns.tryTake()) return call(command, args, options);
        const turn = turns.wait({ what: `"${command}"`, ...options });
        return turn.then((timeoutMs) => call(command, args, { ...options, timeoutMs }));
      },
      subscribe: ({ sandbox, folder }, topics) => {
        const params = {
          topics: [...topics],
          ...(sandbox === undefined ? {} : { sandbox }),
          ...(folder === undefined ? {} : { folder }),
        };
        opened.control({ command: 'subscribe', params });
      },
      close: (reason) => {
        if (!over) opened.control({ command: 'bye', params: { reason: 'closed by the client' } });
        over = true;
        beating.stop();
        opened.close(reason);
        transport.close();
      },
    };
  };
}
