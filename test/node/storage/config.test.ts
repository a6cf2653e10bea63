import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type ConfigKey, ConfigStore, configSchema, environmentName } from '#node/storage/config.ts';
import { failure } from '../failure.ts';
import { withFolder } from '../temporary-folder.ts';

function withFile(values: unknown, use: (file: string) => unknown): () => Promise<void> {
  return () =>
    withFolder(async (folder) => {
      const file = join(folder, 'config.json');
      if (values !== undefined) await writeFile(file, typeof values === 'string' ? values : JSON.stringify(values));
      await use(file);
    });
}

const KEYS = Object.keys(configSchema.shape) as ConfigKey[];

test(
  'every key has a default that its own schema takes, a description and a variable of its own',
  withFile(undefined, (file) => {
    const config = new ConfigStore(file, {});
    for (const key of KEYS) {
      const entry = config.entry(key);
      assert.is(entry.source, 'default', key);
      assert.ok(configSchema.shape[key].safeParse(entry.value).success, key);
      assert.ok(entry.description.length > 10, key);
    }
    assert.equal(
      config.list().map(({ key }) => key),
      KEYS,
    );
    assert.is(new Set(KEYS.map(environmentName)).size, KEYS.length);
    for (const key of KEYS) assert.match(environmentName(key), /^SANDMESH_[A-Z]+(_[A-Z]+)*$/);
    assert.is(environmentName('share.expiresMs'), 'SANDMESH_SHARE_EXPIRES_MS');
  }),
);

test(
  'a flag wins over the environment, that over the file, that over the default',
  withFile({ 'network.port': 3333 }, (file) => {
    const environment = { SANDMESH_NETWORK_PORT: '2222' };
    const flags = { 'network.port': '1111' };
    const at = (config: ConfigStore): unknown[] => [config.get('network.port'), config.entry('network.port').source];
    assert.equal(at(new ConfigStore(file, environment, flags)), [1111, 'flag']);
    assert.equal(at(new ConfigStore(file, environment)), [2222, 'environment']);
    assert.equal(at(new ConfigStore(file, {})), [3333, 'file']);
    assert.equal(at(new ConfigStore(`${file}.none`, {})), [0, 'default']);
    assert.equal(at(new ConfigStore(file, { SANDMESH_NETWORK_PORT: '' })), [3333, 'file']);
  }),
);

test(
  'a zero or a numeral as a name is a value like any other',
  withFile({ 'network.port': 0 }, (file) => {
    assert.is(new ConfigStore(file, {}).entry('network.port').source, 'file');
    const config = new ConfigStore(file, { SANDMESH_NAME: '007' }, { 'network.port': '0' });
    assert.is(config.get('name'), '007');
    assert.equal(config.entry('network.port').source, 'flag');
  }),
);

const wrong: readonly [ConfigKey, string][] = [
  ['network.port', '70000'],
  ['network.port', '-1'],
  ['network.port', '1.5'],
  ['network.port', 'eighty'],
  ['network.port', 'Infinity'],
  ['network.reach', 'world'],
  ['share.role', 'owner'],
  ['share.expiresMs', '1'],
  ['log.level', '5'],
  ['name', 'x'.repeat(65)],
];
for (const [key, text] of wrong) {
  test(
    `${key} = ${text.slice(0, 12)} is refused from every source, with the source, the key and the value`,
    withFile(undefined, async (file) => {
      const variable = environmentName(key);
      const sources: [string, () => unknown][] = [
        ['flag', () => new ConfigStore(file, {}, { [key]: text })],
        [variable, () => new ConfigStore(file, { [variable]: text })],
        ['command line', () => new ConfigStore(file, {}).set(key, text)],
      ];
      await writeFile(`${file}.bad`, JSON.stringify({ [key]: text }));
      sources.push([`${file}.bad`, () => new ConfigStore(`${file}.bad`, {})]);
      for (const [source, make] of sources) {
        const error = await failure(make);
        assert.is(error.code, 'CONFIG_INVALID');
        for (const part of [source, key, text]) assert.match(error.message, part);
      }
      assert.is((await failure(() => readFileSync(file)).catch((e: NodeJS.ErrnoException) => e)).code, 'ENOENT');
    }),
  );
}

test(
  'what a value takes is said in words, and a long one is quoted as far as it fits',
  withFile(undefined, async (file) => {
    const texts: readonly [ConfigKey, string, string][] = [
      ['name', '', 'name = "" from the command line: it takes at least 1 character'],
      ['name', 'n'.repeat(5_000), `${'n'.repeat(199)}… from the command line: it takes at most 64 characters`],
      ['network.port', '70000', 'it takes at most 65535'],
      ['network.reach', 'world', 'it takes loopback, lan'],
    ];
    for (const [key, text, says] of texts) {
      const { message } = await failure(() => new ConfigStore(file, {}).set(key, text));
      assert.ok(message.endsWith(says), message);
    }
  }),
);

test(
  'an unknown key is refused as a flag, in get and in set, and names that objects have are unknown',
  withFile(undefined, async (file) => {
    const config = new ConfigStore(file, {});
    for (const key of ['nmae', '__proto__', 'constructor', 'toString', '']) {
      for (const use of [
        () => config.entry(key),
        () => config.set(key, 'x'),
        () => new ConfigStore(file, {}, Object.fromEntries([[key, 'x']])),
      ]) {
        const error = await failure(use);
        assert.is(error.code, 'CONFIG_INVALID', key);
        assert.match(error.hint ?? '', 'network.reach');
      }
    }
  }),
);

test(
  'a file that is no JSON object is refused with its name',
  withFile(undefined, async (file) => {
    for (const text of ['{"name":', '[]', 'null', '"x"', '7', '']) {
      await writeFile(file, text);
      const error = await failure(() => new ConfigStore(file, {}));
      assert.is(error.code, 'CONFIG_INVALID', text);
      assert.match(error.message, `"${file}"`);
    }
  }),
);

test('a folder in the file’s place is refused with its name', () =>
  withFolder(async (folder) => {
    const error = await failure(() => new ConfigStore(folder, {}));
    assert.is(error.code, 'CONFIG_INVALID');
    assert.match(error.message, `"${folder}": EISDIR`);
  }));

test(
  'set writes its key and keeps the others, known or not, as they were',
  withFile({ name: 'Olga', 'from.the.future': { deep: [1] }, 'network.port': 4000 }, (file) => {
    const config = new ConfigStore(file, {});
    assert.equal(config.set('network.port', '5000').value, 5000);
    assert.is(config.get('network.port'), 5000);
    const written: unknown = JSON.parse(readFileSync(file, 'utf8'));
    assert.equal(written, { name: 'Olga', 'from.the.future': { deep: [1] }, 'network.port': 5000 });
    assert.is(new ConfigStore(file, {}).get('network.port'), 5000);
  }),
);

test(
  'set keeps what a person wrote to the file since the daemon started',
  withFile({}, async (file) => {
    const config = new ConfigStore(file, {});
    await writeFile(file, JSON.stringify({ name: 'Olga' }));
    config.set('network.port', '5000');
    assert.equal(JSON.parse(readFileSync(file, 'utf8')), { name: 'Olga', 'network.port': 5000 });
    assert.is(config.get('name'), 'Olga');
  }),
);

test(
  'set says what is in force when the environment is stronger, and changes nothing that a wrong value would',
  withFile({ 'network.port': 4000 }, async (file) => {
    const config = new ConfigStore(file, { SANDMESH_NETWORK_PORT: '2222' });
    const entry = config.set('network.port', '5000');
    assert.equal([entry.value, entry.source], [2222, 'environment']);
    await failure(() => config.set('network.port', 'no'));
    assert.equal(JSON.parse(readFileSync(file, 'utf8')), { 'network.port': 5000 });
  }),
);

test(
  'names of the local API are such as a client sends: what would match none is refused',
  withFile(undefined, (file) => {
    const named = (text: string): string => new ConfigStore(file, { SANDMESH_API_NAMES: text }).get('api.names');
    for (const text of ['', 'box', 'box.local, 10.0.0.7', 'fe80::1', 'a_b.example.']) assert.is(named(text), text);
    for (const text of ['box:80', 'http://box', '*.local', 'box other', '[::1]']) {
      assert.throws(() => named(text), /without port/, text);
    }
  }),
);

test.run();
