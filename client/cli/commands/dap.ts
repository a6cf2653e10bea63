/**
 * `dap`: carries the bytes of an IDE's debug client, over stdio or a loopback port, to the daemon, which speaks the
 * protocol. Nothing else may be written to stdout.
 */

import type { CommandHandler } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import { ensureDaemon } from '../daemon-connection.ts';
import { carry, connectBridge } from '../dap/bridge.ts';
import { listenForClients } from '../dap/port.ts';
import { standardInput } from '../dap/standard-input.ts';
import { ExitCode } from '../exit-codes.ts';
import type { Options } from '../options.ts';

export const dap: CommandHandler = async ({ context, options }) => {
  const { paths, env, settings } = context;
  const bridge = {
    socketPath: paths.dapSocket,
    client: clientPlace(context, options),
    ready: () => ensureDaemon({ paths, env, settings }),
  };
  const port = options.integer('port');
  if (port !== undefined) return listenForClients(context, port, bridge);
  const socket = await connectBridge(bridge);
  await new Promise<void>((resolve) => {
    const stdin = standardInput();
    carry(stdin, process.stdout, socket);
    socket.once('close', () => {
      stdin.destroy();
      resolve();
    });
  });
  return ExitCode.ok;
};

function clientPlace(context: CliContext, options: Options): object {
  const sandbox = options.text('sandbox');
  const env = Object.fromEntries(Object.entries(context.env).filter(([, value]) => value !== undefined));
  return { folder: context.cwd, env, map: options.list('map'), ...(sandbox === undefined ? {} : { sandbox }) };
}
