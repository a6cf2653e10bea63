import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { EXIT_CODE_HELP, exitCodeOf } from '#client/cli/exit-codes.ts';
import { OTHER_NAMES } from '#client/cli/other-names.ts';
import { PRINTED, parseCommandLine } from '#client/cli/program.ts';
import { commandTable, GROUP_SUMMARIES } from '#client/cli/table/command-table.ts';
import { catalogue } from '#protocol/catalogue/catalogue.ts';
import { ERROR_CODES, type ErrorCode, SandboxError } from '#shared/errors.ts';
import { runCli } from './run-cli.ts';

function parse(...argv: string[]) {
  const parsed = parseCommandLine(argv, commandTable, GROUP_SUMMARIES, '1.2.3', {
    out: () => undefined,
    columns: 100,
    colors: false,
  });
  if (parsed === PRINTED) throw new Error('it printed help');
  return parsed;
}

function usageError(...argv: string[]): SandboxError {
  try {
    parse(...argv);
  } catch (error) {
    if (error instanceof SandboxError) return error;
    throw error;
  }
  throw new Error(`"${argv.join(' ')}" was accepted`);
}

test('run leaves the program its own options, with and without --', () => {
  for (const argv of [
    ['run', '-q', '--', 'node', 'app.js', '--json', '-q', '--wait'],
    ['run', '-q', 'node', 'app.js', '--json', '-q', '--wait'],
  ]) {
    const { args, options } = parse(...argv);
    assert.equal(args, ['node', 'app.js', '--json', '-q', '--wait']);
    assert.not(options.flag('json'));
    assert.is(options.text('wait'), undefined);
    assert.ok(options.flag('quiet'));
  }
});

test('run --wait does not swallow the program, --wait=alice names a member', () => {
  const bare = parse('run', '--role', 'viewer', '--wait', 'node', 'app.js');
  assert.equal(bare.args, ['node', 'app.js']);
  assert.is(bare.options.text('wait'), '');
  const named = parse('run', '--wait=alice', '--', 'node', 'app.js');
  assert.is(named.options.text('wait'), 'alice');
});

test('--set may be given several times, before and after the command', () => {
  const { options } = parse('--set', 'log.level=debug', 'run', '--set', 'name=ada', '--set', 'a=b=c', '--', 'node');
  assert.equal(options.list('set'), ['log.level=debug', 'name=ada', 'a=b=c']);
  assert.equal(parse('break', 'add', 'a.ts:1', '--set=x=1').options.list('set'), ['x=1']);
  assert.equal(parse('members').options.list('set'), []);
});

test('common options stand before or after the command', () => {
  for (const argv of [
    ['--json', '--sandbox', 'x', 'break', 'add', 'a.ts:1'],
    ['break', 'add', 'a.ts:1', '--sandbox', 'x', '--json'],
  ]) {
    const { spec, options } = parse(...argv);
    assert.is(spec.name, 'break add');
    assert.ok(options.flag('json'));
    assert.is(options.text('sandbox'), 'x');
  }
});

test('break with a place means break add, with its options before and after', () => {
  for (const argv of [
    ['break', 'src/app.js:4', '--log', 'x is {x}'],
    ['--json', '--sandbox', 'x', 'break', 'src/app.js:4', '--log', 'x is {x}'],
    ['break', '--sandbox', 'x', 'src/app.js:4', '--log', 'x is {x}'],
  ]) {
    const { spec, args, options } = parse(...argv);
    assert.equal([spec.name, args, options.text('log')], ['break add', ['src/app.js:4'], 'x is {x}']);
  }
  assert.equal(parse('break', 'rm', 'src/app.js:4').spec.name, 'break rm');
  assert.equal(parse('break', '--sandbox', 'a:1').spec.name, 'break list');
  assert.equal(parse('run', 'break', 'app.js:4').args, ['break', 'app.js:4']);
});

test('words of other debuggers lead to the command that does it here', () => {
  assert.match(usageError('continue').hint ?? '', 'Here it is "sandmesh resume".');
  assert.match(usageError('--json', 'bt').hint ?? '', 'Here it is "sandmesh stack".');
  // Else a word that only looks alike would be guessed.
  assert.not.match(usageError('next').hint ?? '', 'Did you mean');
  const words = OTHER_NAMES.flatMap(([, names]) => names);
  assert.is(new Set(words).size, words.length);
  for (const [command] of OTHER_NAMES) {
    assert.ok(
      commandTable.some(({ name }) => command === name || command.startsWith(`${name} `)),
      command,
    );
  }
  const own = new Set(commandTable.flatMap(({ name }) => name.split(' ')[0] ?? []));
  assert.equal(
    words.filter((word) => own.has(word)),
    [],
  );
});

test('common options before run are no part of the program either', () => {
  const { args, options } = parse('--sandbox', 'x', 'run', '--wait', 'node', 'app.js');
  assert.equal([args, options.text('wait')], [['node', 'app.js'], '']);
});

test('wrong usage says what was wrong and where to look', () => {
  assert.match(usageError('stauts').message, "Unknown command 'stauts'");
  assert.match(usageError('stauts').hint ?? '', 'status');
  assert.match(usageError('break', 'ad').message, "Unknown command 'break ad'");
  for (const words of [
    ['break', 'add', 'a.ts:1', '--trace', 'user.name'],
    ['break', 'a.ts:1', '--trace', 'user.name'],
  ]) {
    const { message, hint } = usageError(...words);
    assert.match(message, "Too many arguments for 'add'");
    assert.is(hint, 'See "sandmesh break add --help".');
  }
  assert.match(usageError('step', 'sideways').message, 'over, into, out');
  assert.match(usageError('log', '-n', '1.5').message, 'whole number from 1 to 2000');
  assert.match(usageError('log', '-n', '').message, 'whole number');
  assert.match(usageError('join').message, 'link');
  assert.match(usageError('log', '--nope').hint ?? '', 'sandmesh log --help');
});

test('wrong usage is exit code 2, and JSON with --json', async () => {
  const plain = await runCli(['log', '--nope']);
  assert.equal([plain.code, plain.stdout], [2, '']);
  const json = await runCli(['log', '--nope', '--json']);
  assert.is(json.code, 2);
  assert.is(JSON.parse(json.stdout).error.code, 'BAD_ARGUMENT');
});

test('--json of the program under run does not turn our own errors into JSON', async () => {
  const { stdout, stderr } = await runCli(['run', '--nope', '--', 'x', '--json']);
  assert.is(stdout, '');
  assert.match(stderr, 'nope');
});

test('help of every command shows an example of it and says what --json prints', async () => {
  for (const spec of commandTable) {
    const { code, stdout, stderr } = await runCli([...spec.name.split(' '), '--help']);
    assert.equal([code, stderr], [0, ''], spec.name);
    assert.match(stdout, `Examples:\n  sandmesh ${spec.name}`, spec.name);
    assert.match(stdout, `With --json: ${spec.json}`);
  }
});

test('help lists every visible command and every exit code', async () => {
  for (const argv of [['--help'], ['help'], []]) {
    const { code, stdout } = await runCli(argv);
    assert.is(code, 0);
    for (const spec of commandTable.filter((candidate) => candidate.hidden !== true)) {
      assert.match(stdout, new RegExp(`^  ${spec.name.split(' ')[0]}\\b`, 'm'));
    }
    for (const [number, meaning] of EXIT_CODE_HELP) assert.match(stdout, `${number}  ${meaning}`);
    assert.not.match(stdout, 'complete-values');
  }
});

test('of several values for one option each must be one of the choices', () => {
  assert.equal(parse('token', 'create', '--scope', 'read', '--scope', 'admin').options.list('scope'), [
    'read',
    'admin',
  ]);
  const { message } = usageError('token', 'create', '--scope', 'read', '--scope', 'everything');
  assert.match(message, "'everything' is invalid. Allowed choices are read,");
});

test('a group of commands by itself lists its commands', async () => {
  for (const argv of [['key'], ['--json', 'key']]) {
    const { code, stdout } = await runCli(argv);
    assert.is(code, 0);
    assert.match(stdout, /^Usage: sandmesh key /);
    assert.match(stdout, 'unlock');
    assert.not.match(stdout, 'Bring a program in');
  }
});

test('what is said of --json names commands that the catalogue has', () => {
  for (const spec of commandTable) {
    for (const name of spec.json.match(/\b[a-z]+\.[a-z]+\b/g) ?? []) {
      assert.ok(name.endsWith('.ts') || Object.hasOwn(catalogue, name), `${spec.name}: ${name}`);
    }
  }
});

test('--version prints the version of the package', async () => {
  const { stdout } = await runCli(['--version']);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
});

test('every error code has an exit code that help explains', () => {
  const explained = EXIT_CODE_HELP.map(([number]) => number);
  for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
    const exit = exitCodeOf(code);
    assert.ok(explained.includes(exit), `${code} → ${exit}`);
    assert.is.not(exit, 0);
  }
  assert.is(exitCodeOf('DAEMON_UNREACHABLE'), 3);
  assert.is(exitCodeOf('CONSENT_DENIED'), 4);
  assert.is(exitCodeOf('KEY_LOCKED'), 7);
  assert.is(exitCodeOf('TARGET_UNKNOWN'), 5);
});

test.run();
