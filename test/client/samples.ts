/** Plain sample data in the catalogue's shapes. */

export const HASH = 'c0'.repeat(32);
export const TARGET_ID = '1.0a0b0c0d';

export const sandbox = {
  id: 'ab'.repeat(20),
  name: 'shop',
  folder: '/project',
  self: 1,
  role: 'owner',
  reach: 'loopback',
  members: 2,
  online: 1,
  targets: 1,
} as const;

export const opened = {
  sandbox,
  link: 'sandmesh:#abcdef0123456789',
  role: 'debugger',
  expiresAt: Date.now() + 86_000_000,
  addresses: ['/ip4/127.0.0.1/tcp/4001'],
} as const;

export const frames = [
  {
    index: 0,
    functionName: 'total',
    file: { path: 'src/cart.ts' },
    line: 42,
    column: 7,
    source: HASH,
    scopes: [{ type: 'local' }],
  },
  { index: 1, functionName: '', file: { path: 'src/server.ts' }, line: 9, column: 1, source: HASH, scopes: [] },
  {
    index: 2,
    functionName: 'emit',
    file: { path: 'events', package: 'node' },
    line: 500,
    column: 3,
    internal: true,
    scopes: [],
  },
];

export const pause = {
  id: 3,
  target: TARGET_ID,
  thread: 'main',
  reason: 'breakpoint',
  hitBreakpoints: ['1.m2xk'],
  frames,
  totalFrames: 12,
  at: 1_700_000_000_000,
} as const;

export const target = {
  id: TARGET_ID,
  host: 1,
  name: 'shop',
  mode: 'harness',
  state: 'paused',
  pid: 4711,
  argv: ['node', 'server.js'],
  entry: 'src/server.ts',
  runtime: 'Node 20.20.2',
  level: 'development',
  restarts: 0,
  held: false,
  startedAt: 1_700_000_000_000,
} as const;

export const targetView = {
  ...target,
  pause,
  lease: { target: TARGET_ID, holder: 2, queue: [], idleLimitMs: 60_000 },
  metrics: { target: TARGET_ID, rssBytes: 87e6, cpu: 0.03, restarts: 0, uptimeMs: 1000, at: 1_700_000_000_000 },
};

export const members = [
  {
    id: 1,
    name: 'ada',
    role: 'owner',
    fingerprint: '1a2b 3c4d 5e6f 7081',
    color: '#aa3344',
    online: true,
    self: true,
    removed: false,
  },
  {
    id: 2,
    name: 'bob',
    role: 'debugger',
    fingerprint: '9f8e 7d6c 5b4a 3928',
    color: '#3344aa',
    online: true,
    self: false,
    removed: false,
    presence: { member: 2, file: { path: 'src/cart.ts' }, line: 40, client: 'watch' },
  },
] as const;

export const request = {
  id: 'f00dcafe',
  kind: 'join',
  name: 'carol',
  fingerprint: '0011 2233 4455 6677',
  role: 'debugger',
  stake: 'reads your source under this folder',
  at: 1_700_000_000_000,
  expiresAt: 4_000_000_000_000,
} as const;

export const breakpoint = {
  id: '1.m2xk',
  author: 1,
  where: { kind: 'line', file: { path: 'src/cart.ts' }, line: 41 },
  enabled: true,
  createdAt: 1_700_000_000_000,
  writtenBy: 2,
  statuses: [
    {
      breakpoint: '1.m2xk',
      target: TARGET_ID,
      state: 'armed',
      line: 42,
      column: 5,
      reason: 'moved to the next line with code',
      hits: 3,
    },
  ],
} as const;

export const sourceText = Array.from({ length: 60 }, (_, index) => `const line${index + 1} = ${index + 1};`);

/** Answers `source.get` from {@link sourceText}. */
export function sourceGet({
  fromLine = 1,
  lines = 1000,
}: {
  fromLine?: number | undefined;
  lines?: number | undefined;
}) {
  return {
    file: { path: 'src/cart.ts' },
    text: sourceText.slice(fromLine - 1, fromLine - 1 + lines).join('\n'),
    source: HASH,
    totalLines: sourceText.length,
    fromLine,
  };
}
