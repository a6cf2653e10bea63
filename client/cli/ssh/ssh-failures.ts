/** What `ssh` says when it fails, as an error that says what to do. */

import { type ErrorCode, SandboxError } from '#shared/errors.ts';

interface Failure {
  readonly says: RegExp;
  readonly code: ErrorCode;
  readonly why: string;
  readonly hint: (destination: string) => string;
}

const FAILURES: readonly Failure[] = [
  {
    says: /REMOTE HOST IDENTIFICATION HAS CHANGED/,
    code: 'UNAUTHENTICATED',
    why: 'its host key is another than the one you know',
    hint: () => 'Somebody may be in between. If the machine was set up anew: ssh-keygen -R <host>.',
  },
  {
    says: /Host key verification failed/,
    code: 'UNAUTHENTICATED',
    why: 'its host key is unknown here',
    hint: (destination) => `Log in once by hand, compare the key and accept it: ssh ${destination}`,
  },
  {
    says: /Permission denied|Too many authentication failures/,
    code: 'UNAUTHENTICATED',
    why: 'it refused your key',
    hint: (destination) => `What does not work by hand works here neither: ssh ${destination}`,
  },
  {
    says: /Could not resolve hostname/,
    code: 'PEER_UNREACHABLE',
    why: 'there is no such host',
    hint: () => 'Check the spelling, and ~/.ssh/config.',
  },
  {
    says: /Connection refused/,
    code: 'PEER_UNREACHABLE',
    why: 'no ssh server listens there',
    hint: () => 'A port other than 22: ssh://user@host:port, or ~/.ssh/config.',
  },
  {
    says: /timed out|No route to host|Network is unreachable|Connection (?:closed|reset)/,
    code: 'PEER_UNREACHABLE',
    why: 'the host does not answer',
    hint: (destination) => `Try by hand: ssh ${destination}`,
  },
  {
    says: /administratively prohibited|forwarding failed|refused streamlocal/i,
    code: 'PEER_UNREACHABLE',
    why: 'its ssh server allows no tunnel',
    hint: () => 'It needs AllowTcpForwarding; or run sandmesh there and join it.',
  },
];

/** @param stderr of ssh, in English as ssh always is */
export function sshFailure(destination: string, stderr: string): SandboxError {
  const known = FAILURES.find(({ says }) => says.test(stderr));
  const said = stderr.trim().split('\n').pop() ?? '';
  const why = known?.why ?? (said === '' ? 'ssh failed' : said);
  const hint = known?.hint(destination) ?? `Try by hand: ssh ${destination}`;
  return new SandboxError(known?.code ?? 'PEER_UNREACHABLE', `Cannot reach ${destination} by ssh: ${why}`, { hint });
}
