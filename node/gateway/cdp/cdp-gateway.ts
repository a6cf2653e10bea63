/** The gateway of DevTools clients (`node inspect`, Chrome, any other): a port of its own for each. */

import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';
import type { Target } from '#shared/model/target.ts';
import { notJavaScript } from '../../engine/debug/cdp/refusal.ts';
import type { Handler } from '../../pipeline/context.ts';
import type { CommandRequest } from '../../pipeline/request.ts';
import { chooseTarget } from '../../pipeline/resolve-target.ts';
import type { ClientEvents } from '../../sandbox/client-events.ts';
import type { RunningSandbox } from '../../sandbox/running-sandbox.ts';
import type { TopicHub } from '../../sandbox/topic-hub.ts';
import { CdpClient } from './cdp-client.ts';
import { ToolPort, WAIT_MS } from './tool-port.ts';

const MAX_PORTS = 500;

export interface CdpGatewayOptions {
  readonly run: (request: CommandRequest) => Promise<unknown>;
  readonly events: ClientEvents;
  readonly hub: TopicHub;
  /** Told when ports open and close. */
  readonly onClients: () => void;
  readonly onError: (error: unknown) => void;
}

export class CdpGateway {
  readonly #options: CdpGatewayOptions;
  readonly #ports = new Set<ToolPort>();
  #next = 1;
  #stopped = false;

  constructor(options: CdpGatewayOptions) {
    this.#options = options;
  }

  /** Open ports, those that still wait for their client too. */
  get clients(): number {
    return this.#ports.size;
  }

  handlers() {
    const listen: Handler<'cdp.listen', RunningSandbox> = async (args, { sandbox }) => {
      const target = sandbox.target(chooseTarget(args.target, sandbox));
      if (target.mode === 'adapter') throw notJavaScript(target);
      return this.#listen(sandbox.id, target);
    };
    return { 'cdp.listen': listen };
  }

  /** Cuts every client off. Safe to call twice. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#ports].map((port) => port.close()));
  }

  async #listen(sandbox: SandboxId, { id: target, name, pid, entry }: Target): Promise<CommandResult<'cdp.listen'>> {
    const { run, events, hub, onClients, onError } = this.#options;
    if (this.#stopped || this.#ports.size >= MAX_PORTS) {
      throw new SandboxError('LIMIT_EXCEEDED', `Cannot open a port: ${this.#ports.size} are open`, {
        hint: 'Close some of the tools that are connected.',
      });
    }
    const client = `cdp-${this.#next++}`;
    const port: ToolPort = await ToolPort.open({
      title: `${name} (pid ${pid})`,
      url: entry === undefined ? '' : `file:///${entry}`,
      onClient: async (socket) => {
        const served = await CdpClient.serve({ socket, sandbox, target, name: client, run, events, hub });
        return () => served.end();
      },
      onClose: () => {
        this.#ports.delete(port);
        onClients();
      },
      onError,
    });
    this.#ports.add(port);
    onClients();
    const { webSocketDebuggerUrl, devtoolsFrontendUrl } = port;
    return { target, port: port.port, webSocketDebuggerUrl, devtoolsFrontendUrl, waitsMs: WAIT_MS };
  }
}
