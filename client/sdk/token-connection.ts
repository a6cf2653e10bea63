/** A client over the local API: exchanges its token, or renews what a code gave, whenever access is about to end. */

import { SandboxError } from '#shared/errors.ts';
import { type ClientOptions, SandmeshClient } from './client.ts';
import { type AccessToken, type WebSocketFactory, webSocket } from './websocket-conversation.ts';

export interface TokenConnectOptions extends Omit<ClientOptions, 'connector' | 'origin'> {
  /** Of the local API: `http://127.0.0.1:<port>`; "sandmesh status" names it. */
  readonly origin: string;
  /** What "sandmesh token create" printed; or `code`, which works once. */
  readonly token?: string;
  readonly code?: string;
  /** Gives up connecting; does not end the client later. */
  readonly signal?: AbortSignal;
  readonly webSocket: WebSocketFactory;
}

/** @throws {SandboxError} UNAUTHENTICATED, DAEMON_UNREACHABLE; `signal.reason` on abort */
export async function connectWithToken(options: TokenConnectOptions): Promise<SandmeshClient> {
  const { token, code, signal, webSocket: create, ...rest } = options;
  // As URL.href has it, and whoever copies an address.
  const origin = options.origin.replace(/\/+$/, '');
  let current: AccessToken | undefined;
  const accessToken = async (given?: AbortSignal): Promise<AccessToken> => {
    // A code works once: afterwards the access token itself is renewed while it lasts.
    const secret = token ?? current?.accessToken;
    current = await exchange(origin, secret === undefined ? { code: code ?? '' } : { secret }, given);
    return current;
  };
  const client = new SandmeshClient({
    ...rest,
    origin,
    connector: webSocket({ origin, accessToken, webSocket: create }),
  });
  await client.open({ signal });
  return client;
}

async function exchange(
  origin: string,
  proof: { readonly secret: string } | { readonly code: string },
  signal: AbortSignal | undefined,
): Promise<AccessToken> {
  let response: Response;
  try {
    response = await fetch(`${origin}/api/v1/auth/token`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...('secret' in proof ? { authorization: `Bearer ${proof.secret}` } : {}),
      },
      body: JSON.stringify('code' in proof ? proof : {}),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    throw new SandboxError('DAEMON_UNREACHABLE', `Cannot reach the local API at "${origin}"`, {
      hint: 'Check that the daemon runs; "sandmesh status" names the address.',
      cause,
    });
  }
  const body = await jsonOf(response, origin, signal);
  if (!response.ok) {
    const { code, detail, hint } = body;
    throw SandboxError.fromData({
      code: String(code),
      message: String(detail),
      ...(hint === undefined ? {} : { hint: String(hint) }),
    });
  }
  return { accessToken: String(body['access_token']), expiresInSeconds: Number(body['expires_in']) };
}

async function jsonOf(
  response: Response,
  origin: string,
  signal: AbortSignal | undefined,
): Promise<Record<string, unknown>> {
  try {
    return (await response.json()) as Record<string, unknown>;
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    throw new SandboxError('DAEMON_UNREACHABLE', `Cannot use "${origin}": what answers there is no local API`, {
      hint: '"sandmesh status" names the address.',
      cause,
    });
  }
}
