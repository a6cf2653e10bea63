/**
 * Import direction: client, node → protocol → shared. A rule is kept or deleted, never silenced.
 */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment:
        'A cycle has no bottom: neither module can be loaded alone. One through a lazy import() or a type can, and is fine.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only', 'dynamic-import'] } },
    },
    {
      name: 'shared-is-the-bottom',
      comment: 'shared/ is the sandbox as data; it knows nobody above it.',
      severity: 'error',
      from: { path: '^shared/' },
      to: { path: '^(protocol|node|client)/' },
    },
    {
      name: 'protocol-knows-shared-only',
      severity: 'error',
      from: { path: '^protocol/' },
      to: { path: '^(node|client)/' },
    },
    {
      name: 'pure-floors',
      comment: 'shared/ and protocol/ run in a daemon and in a browser: no Node built-ins.',
      severity: 'error',
      from: { path: '^(shared|protocol)/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'client-never-imports-node',
      comment: 'A client reaches the daemon through a gateway only.',
      severity: 'error',
      from: { path: '^client/' },
      to: { path: '^node/' },
    },
    {
      name: 'node-never-imports-client',
      severity: 'error',
      from: { path: '^node/' },
      to: { path: '^client/' },
    },
    {
      name: 'clients-stand-alone',
      comment: 'web, cli and vscode share the sdk and nothing else.',
      severity: 'error',
      from: { path: '^client/(web|cli|vscode)/' },
      to: { path: '^client/(web|cli|vscode)/', pathNot: '^client/$1/' },
    },
    {
      name: 'sdk-is-below-the-clients',
      severity: 'error',
      from: { path: '^client/sdk/' },
      to: { path: '^client/(web|cli|vscode)/' },
    },
    {
      name: 'nobody-imports-tests',
      severity: 'error',
      from: { path: '^(shared|protocol|node|client)/' },
      to: { path: '^test/' },
    },
    {
      name: 'no-unresolved',
      severity: 'error',
      from: {},
      // devtools-protocol ships types only: there is no module to resolve
      to: { couldNotResolve: true, pathNot: '^devtools-protocol' },
    },
    {
      name: 'only-declared-packages',
      comment: 'A package that is not in package.json works by luck only.',
      severity: 'error',
      from: { path: '^(shared|protocol|node|client|test)/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^test/apps/|(^|/)fixtures/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.cjs', '.mjs', '.json'],
    },
  },
};
