/** The completion scripts, sourced by the shells they are for. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { completionScript, type Shell } from '#client/cli/completion/scripts.ts';
import { commandTable } from '#client/cli/table/command-table.ts';
import { commandMissing } from '../../skip.ts';

// Few machines have all three shells: those that are not there are no gap, the table test below covers every script.
const installed = (shell: Shell): boolean => commandMissing(shell) === undefined;

/** Stands in for the CLI: answers what the scripts ask for. */
const FAKE_CLI = `#!/bin/sh
case "$2" in
  targets) printf 'shop\\nworker\\n' ;;
  breakpoints) printf '1.m2xk\\nsrc/cart.ts:42\\n' ;;
esac
`;

/** Runs `body` in the shell with the script at hand as `$SCRIPT`, and gives its lines of output, sorted. */
function inShell(shell: Shell, body: string): string[] {
  const folder = mkdtempSync('/tmp/sm-');
  try {
    writeFileSync(path.join(folder, 'sandmesh'), FAKE_CLI, { mode: 0o755 });
    const script = path.join(folder, 'completion');
    writeFileSync(script, completionScript(shell, commandTable));
    const flags = { bash: ['--norc', '-c'], zsh: ['-f', '-c'], fish: ['--no-config', '-c'] }[shell];
    const result = spawnSync(shell, [...flags, body], {
      cwd: folder,
      env: { PATH: `${folder}:${process.env['PATH'] ?? ''}`, SCRIPT: script, HOME: folder, TERM: 'dumb' },
      encoding: 'utf8',
    });
    assert.is(result.stderr, '', `${shell} complained`);
    return result.stdout
      .split(/\s+/)
      .filter((word) => word !== '')
      .sort();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const bashWords = (...words: string[]): string[] =>
  inShell(
    'bash',
    `source "$SCRIPT"
     COMP_WORDS=(sandmesh ${words.map((word) => `'${word}'`).join(' ')}) COMP_CWORD=${words.length}
     _sandmesh
     printf '%s\\n' "\${COMPREPLY[@]}"`,
  );

test('bash offers commands, sub-commands, options, choices and what the daemon knows', () => {
  assert.equal(bashWords('st'), ['stack', 'status', 'step', 'stop']);
  assert.equal(bashWords('break', ''), ['add', 'disable', 'enable', 'list', 'rm']);
  assert.equal(bashWords('break', 'add', '--f'), ['--function']);
  assert.equal(bashWords('break', 'add', '--exception', ''), ['all', 'caught', 'uncaught']);
  assert.equal(bashWords('step', ''), ['into', 'out', 'over']);
  assert.equal(bashWords('detach', ''), ['shop', 'worker']);
  assert.equal(bashWords('log', '--follow', '-t', 'w'), ['worker']);
  assert.equal(bashWords('--sandbox', 'abc', 'detach', 's'), ['shop']);
  assert.equal(bashWords('break', 'rm', ''), ['1.m2xk']);
  assert.ok(bashWords('run', 'nod').includes('node'));
});

test('bash registers the function for the command', () => {
  const words = inShell('bash', 'source "$SCRIPT"; complete -p sandmesh');
  assert.equal(words, ['-F', '_sandmesh', 'complete', 'sandmesh']);
});

if (installed('fish')) {
  test('fish offers the same', () => {
    const fish = (line: string): string[] =>
      inShell('fish', `source $SCRIPT; complete -C '${line}' | string split -f 1 \\t`);
    assert.equal(fish('sandmesh st'), ['stack', 'status', 'step', 'stop']);
    assert.equal(fish('sandmesh break '), ['add', 'disable', 'enable', 'list', 'rm']);
    assert.equal(fish('sandmesh break add --exception '), ['all', 'caught', 'uncaught']);
    assert.equal(fish('sandmesh step '), ['into', 'out', 'over']);
    assert.equal(fish('sandmesh detach '), ['shop', 'worker']);
    assert.equal(fish('sandmesh log -t w'), ['worker']);
    assert.equal(fish('sandmesh break rm '), ['1.m2xk', 'src/cart.ts:42']);
  });
}

if (installed('zsh')) {
  test('zsh takes the script and completes by it', () => {
    // zsh completes only at its prompt, which zpty gives it without a terminal.
    const zsh = (line: string): string[] =>
      inShell(
        'zsh',
        `zmodload zsh/zpty
       zpty shell zsh -f -i
       zpty -w shell "PS1= RPS1=; unsetopt zle_bracketed_paste; autoload -Uz compinit; compinit -u -D; source $SCRIPT"
       zpty -w shell 'list() { compstate[insert]=; print -rl -- BEGIN "\${(@)matches}" END }; bindkey "^I" complete-word; LISTMAX=1000'
       zpty -w shell 'compadd() { builtin compadd -O found "$@"; print -rl -- "found:"\${^found}; builtin compadd "$@" }'
       zpty -w shell 'echo RE''ADY'
       zpty -r -m shell out '*READY*'
       zpty -n -w shell $'${line}\\t'
       zpty -r -m shell out '*found:*' && { sleep 0.3; while zpty -r -t shell more; do out+=$more; done; print -r -- $out }
       zpty -d shell`,
      )
        .filter((word) => word.startsWith('found:'))
        .map((word) => word.slice('found:'.length));
    assert.equal(zsh('sandmesh detach '), ['shop', 'worker']);
  });
}

test('every command and option of the table is in every script', () => {
  for (const shell of ['bash', 'zsh', 'fish'] as const) {
    const script = completionScript(shell, commandTable);
    for (const spec of commandTable.filter((candidate) => candidate.hidden !== true)) {
      const last = spec.name.split(' ').at(-1) ?? '';
      assert.ok(script.includes(last), `${shell}: ${spec.name}`);
      for (const option of spec.options ?? []) {
        const long = /--([a-z-]+)/.exec(option.flags)?.[1] ?? '';
        assert.ok(script.includes(shell === 'fish' ? `-l ${long}` : `--${long}`), `${shell}: ${spec.name} --${long}`);
      }
    }
  }
});

test.run();
