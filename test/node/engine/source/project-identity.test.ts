import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { normalizeOrigin } from '#node/engine/source/git-folder.ts';
import { findProject, isSameProject } from '#node/engine/source/project-identity.ts';
import { commitAll, git, withFolder, writeFiles } from './temporary-folder.ts';

const test = suite('project identity');

function makeShop(folder: string): string {
  const shop = join(folder, 'shop');
  writeFiles(shop, { 'package.json': { name: 'shop' }, 'src/app.ts': 'export {};', 'src/deep/er/x.ts': '' });
  commitAll(shop, 'first');
  return shop;
}

test('a clone, a symlink, a subfolder and a worktree are one project', () =>
  withFolder(async (folder) => {
    const shop = makeShop(folder);
    const original = await findProject(shop);
    assert.is(original.root, shop);
    assert.is(original.name, 'shop');
    assert.match(original.id, /^[0-9a-f]{64}$/);

    git(folder, 'clone', '-q', shop, 'second copy');
    writeFiles(join(folder, 'second copy'), { 'more.ts': '' });
    git(join(folder, 'second copy'), 'add', '-A');
    git(join(folder, 'second copy'), 'commit', '-q', '-m', 'second');
    const clone = await findProject(join(folder, 'second copy'));
    assert.is(clone.id, original.id);
    assert.is.not(clone.root, original.root);

    symlinkSync(shop, join(folder, 'link'));
    assert.equal(await findProject(join(folder, 'link', 'src')), original);
    assert.equal(await findProject(join(shop, 'src', 'deep', 'er')), original);

    git(shop, 'worktree', 'add', '-q', '-b', 'other', join(folder, 'tree'));
    const worktree = await findProject(join(folder, 'tree', 'src'));
    assert.is(worktree.id, original.id);
    assert.is(worktree.root, join(folder, 'tree'));
  }));

test('different projects differ, even with one first commit when they are named differently', () =>
  withFolder(async (folder) => {
    const shop = await findProject(makeShop(folder));
    const other = join(folder, 'other');
    writeFiles(other, { 'package.json': { name: 'other' } });
    commitAll(other, 'first');
    assert.is.not((await findProject(other)).id, shop.id);

    git(folder, 'clone', '-q', 'shop', 'fork');
    writeFiles(join(folder, 'fork'), { 'package.json': { name: 'bakery' } });
    assert.is.not((await findProject(join(folder, 'fork'))).id, shop.id);
  }));

test('a submodule is a project of its own', () =>
  withFolder(async (folder) => {
    const shop = makeShop(folder);
    const outer = join(folder, 'outer');
    writeFiles(outer, { 'package.json': { name: 'outer' } });
    commitAll(outer, 'outer');
    git(outer, 'submodule', '--quiet', 'add', shop, 'libs/shop');
    const inner = await findProject(join(outer, 'libs', 'shop', 'src'));
    assert.is(inner.id, (await findProject(shop)).id);
    assert.is(inner.root, join(outer, 'libs', 'shop'));
  }));

test('a shallow clone of a folder here is the same project; of an address it is known by the address', () =>
  withFolder(async (folder) => {
    const shop = makeShop(folder);
    git(shop, 'commit', '-q', '--allow-empty', '-m', 'second');
    git(folder, 'clone', '-q', '--depth', '1', `file://${shop}`, 'shallow');
    assert.is((await findProject(join(folder, 'shallow'))).id, (await findProject(shop)).id);

    git(shop, 'remote', 'add', 'origin', 'https://ada:t0ken@github.com/Acme/Shop.git');
    git(join(folder, 'shallow'), 'remote', 'set-url', 'origin', 'git@github.com:acme/shop.git');
    const full = await findProject(shop);
    const shallow = await findProject(join(folder, 'shallow'));
    assert.is.not(shallow.id, full.id);
    assert.ok(isSameProject(full, shallow));
  }));

test('without a git program a repository is known by its origin', () =>
  withFolder(async (folder) => {
    const shop = makeShop(folder);
    git(shop, 'remote', 'add', 'origin', 'ssh://git@example.org:2222/acme/shop.git');
    const path = process.env['PATH'];
    process.env['PATH'] = folder;
    try {
      const project = await findProject(join(shop, 'src'));
      assert.is(project.id, project.originId);
      assert.is(project.root, shop);
    } finally {
      process.env['PATH'] = path;
    }
    const withGit = await findProject(shop);
    assert.is.not(withGit.id, withGit.originId);
  }));

test('without git the root is the workspace, else the nearest package, else the folder', () =>
  withFolder(async (folder) => {
    writeFiles(folder, {
      'pnpm/pnpm-workspace.yaml': "packages:\n  # ours\n  - 'packages/*'\n  - '!packages/old'\ncatalog:\n  - x\n",
      'pnpm/package.json': { name: 'mono' },
      'pnpm/packages/a/package.json': { name: 'a' },
      'pnpm/packages/a/src/x.ts': '',
      'pnpm/packages/old/package.json': { name: 'old' },
      'npm/package.json': { name: 'mono', workspaces: ['./libs/**'] },
      'npm/libs/deep/b/package.json': { name: 'b' },
      'yarn/package.json': { name: 'mono', workspaces: { packages: ['apps/web'] } },
      'yarn/apps/web/package.json': { name: 'web' },
      'yarn/apps/other/package.json': { name: 'other' },
      'bare/inner/x.txt': '',
    });
    const rootOf = async (path: string): Promise<string> => (await findProject(join(folder, path))).root;
    assert.is(await rootOf('pnpm/packages/a/src'), join(folder, 'pnpm'));
    assert.is(await rootOf('pnpm/packages/old'), join(folder, 'pnpm/packages/old'));
    assert.is(await rootOf('pnpm'), join(folder, 'pnpm'));
    assert.is(await rootOf('npm/libs/deep/b'), join(folder, 'npm'));
    assert.is(await rootOf('yarn/apps/web'), join(folder, 'yarn'));
    assert.is(await rootOf('yarn/apps/other'), join(folder, 'yarn/apps/other'));
    assert.is(await rootOf('bare/inner'), join(folder, 'bare/inner'));
  }));

test('a stray .git or package.json in the home folder makes no project of everything below', () =>
  withFolder(async (home) => {
    writeFiles(home, { 'package.json': { name: 'stray' }, 'notes/x.js': '', 'app/package.json': { name: 'app' } });
    commitAll(home, 'dotfiles');
    assert.is((await findProject(join(home, 'notes'), { home })).root, join(home, 'notes'));
    assert.is((await findProject(join(home, 'app'), { home })).root, join(home, 'app'));
    assert.is((await findProject(home, { home })).root, home);
  }));

test('two folders without history are two projects, and one keeps a tie over its first commit', () =>
  withFolder(async (folder) => {
    writeFiles(folder, { 'a/package.json': { name: 'app' }, 'b/package.json': { name: 'app' } });
    const before = await findProject(join(folder, 'a'));
    assert.is.not(before.id, (await findProject(join(folder, 'b'))).id);
    assert.equal(await findProject(join(folder, 'a')), before);
    commitAll(join(folder, 'a'), 'first');
    const after = await findProject(join(folder, 'a'));
    assert.is.not(after.id, before.id);
    assert.ok(after.formerIds?.includes(before.id));
  }));

test('a package.json in conflict does not change the identity', () =>
  withFolder(async (folder) => {
    const shop = makeShop(folder);
    const before = await findProject(shop);
    writeFileSync(join(shop, 'package.json'), '{\n  "name": "shop",\n<<<<<<< HEAD\n  "version": "1"\n');
    assert.is((await findProject(shop)).id, before.id);
  }));

test('a damaged .git, an empty repository and a bare one are survived', () =>
  withFolder(async (folder) => {
    writeFiles(folder, { 'damaged/.git': 'gitdir: /nowhere/at/all\n', 'damaged/package.json': { name: 'd' } });
    assert.is((await findProject(join(folder, 'damaged'))).name, 'd');
    mkdirSync(join(folder, 'empty'));
    git(join(folder, 'empty'), 'init', '-q');
    assert.is((await findProject(join(folder, 'empty'))).root, join(folder, 'empty'));
    git(folder, 'clone', '-q', '--bare', makeShop(folder), 'bare.git');
    assert.is((await findProject(join(folder, 'bare.git'))).root, join(folder, 'bare.git'));
  }));

test('a moved repository is the same project', () =>
  withFolder(async (folder) => {
    const shop = makeShop(folder);
    const before = await findProject(shop);
    renameSync(shop, join(folder, 'moved'));
    assert.is((await findProject(join(folder, 'moved'))).id, before.id);
  }));

test('a folder that is missing or a file is refused in plain words', () =>
  withFolder(async (folder) => {
    writeFiles(folder, { 'a-file': '' });
    for (const [path, why] of [
      ['missing', 'does not exist'],
      ['a-file', 'is not a folder'],
    ] as const) {
      try {
        await findProject(join(folder, path));
        assert.unreachable();
      } catch (error) {
        assert.is((error as { code: string }).code, 'BAD_ARGUMENT');
        assert.match((error as Error).message, why);
      }
    }
  }));

test('names shown are free of control characters', () =>
  withFolder(async (folder) => {
    writeFiles(folder, { 'package.json': { name: '\u001b[31mred\u202eder' } });
    assert.is((await findProject(folder)).name, '[31mredder');
  }));

test('normalizeOrigin() gives one spelling, without credentials', () => {
  for (const origin of [
    'https://github.com/Acme/Shop.git',
    'https://ada:secret@github.com/acme/shop/',
    'git@github.com:acme/shop.git',
    'ssh://git@github.com:22/acme/shop',
    'git+https://github.com/acme/shop.git',
    'github.com:acme/shop',
  ]) {
    assert.is(normalizeOrigin(origin), 'github.com/acme/shop', origin);
  }
  for (const origin of ['', '/srv/git/shop.git', '../shop', 'C:\\repos\\shop', 'file:///srv/shop']) {
    assert.is(normalizeOrigin(origin), undefined, origin);
  }
});

test.run();
