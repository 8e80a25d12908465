import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { project, small } from '../config/project.js';
import { baton } from './captured.js';

const withProject = (env: Record<string, string> = {}) => ({ cwd: project(small), env });

describe('what is not understood', () => {
  it.each([
    [['pipline', 'lst'], 'Unknown command "pipline lst".'],
    [['runs', 'lst'], 'Unknown command "runs lst". Did you mean "runs list"?'],
    [['rns', 'lst'], 'Unknown command "rns lst". Did you mean "runs list"?'],
    [['conection', 'test'], 'Unknown command "conection test". Did you mean "connection test"?'],
    [['runs', 'list', '--foo'], "Unknown option '--foo'."],
    [['run'], "Missing required argument 'pipeline'."],
    [['runs', 'list', '-o', 'xml'], 'Allowed choices are pretty, json, ndjson, yaml, tsv.'],
    [['runs', 'list', '--limit', 'many'], '--limit many is no number'],
    [['runs', 'list', '--timeout', 'soon'], '--timeout soon is no duration'],
    [['help', 'BTN-20055'], 'No error "BTN-20055". Closest: BTN-2005.'],
    [['help', 'nothing'], 'No help on "nothing".'],
  ])('baton %j', async (args, said) => {
    const { code, stdout, stderr } = await baton(args);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(said);
    expect(stderr.split('\n').map((line) => line.trim().split(/\s/)[0])).toEqual(['✗', 'Why', 'Fix', '']);
  });

  it('prints one JSON document on stdout also then', async () => {
    for (const args of [
      ['--json', 'nope'],
      ['nope', '-o', 'json'],
      ['runs', 'list', '--json', '--foo'],
    ]) {
      const { code, stdout } = await baton(args);
      expect(code).toBe(2);
      expect(JSON.parse(stdout)).toMatchObject({ v: 1, ok: false, error: { code: 'BTN-1004' } });
    }
  });
});

describe('help', () => {
  it('is on stdout when asked for, on stderr when a verb is missing', async () => {
    expect(await baton([])).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringContaining('Usage: baton'),
    });
    expect(await baton(['--help'])).toMatchObject({ code: 0, stderr: '' });
    expect(await baton(['runs', 'show', '--help'])).toMatchObject({ code: 0, stderr: '' });
    expect(await baton(['runs'])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('baton runs'),
    });
    expect((await baton(['help', 'runs', 'show'])).stdout).toContain('Usage: baton runs show');
  });

  it('explains codes offline', async () => {
    const wanted = expect.stringContaining('BTN-2005  The outside system refused our credentials');
    for (const topic of ['BTN-2005', 'btn-2005', '2005', 'ERR_SOURCE_AUTH']) {
      expect(await baton(['help', topic])).toMatchObject({ code: 0, stdout: wanted, stderr: '' });
    }
    const { stdout } = await baton(['help', '2005', '--json']);
    expect(JSON.parse(stdout)).toMatchInlineSnapshot(`
      {
        "data": {
          "code": "BTN-2005",
          "fix": "Renew the secret that the connection refers to, then \`baton connections test <name>\`.",
          "name": "ERR_SOURCE_AUTH",
          "retryable": false,
          "title": "The outside system refused our credentials",
          "why": "The client id, secret or token is wrong, expired or revoked.",
        },
        "ok": true,
        "page": {
          "next": null,
        },
        "v": 1,
        "warnings": [],
      }
    `);
  });
});

describe('help inputs', () => {
  it('lists them, with what each means', async () => {
    const { code, stdout } = await baton(['help', 'inputs']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/threshold +Orders of more than this,.* -i threshold=2500.50/);
    const listed = JSON.parse((await baton(['help', 'inputs', '--json'])).stdout).data;
    expect(listed).toContainEqual({
      name: 'tolerance.absolute',
      description: 'Difference of two amounts that is ignored.',
      example: '0.05',
    });
  });
});

describe('names and configuration', () => {
  it('says what is near', async () => {
    const { code, stderr } = await baton(['run', 'po_data_pipline'], withProject());
    expect(code).toBe(2);
    expect(stderr).toContain('No pipeline "po_data_pipline". Closest: po_data_pipeline.');
    expect((await baton(['connection', 'test', 'copa'], withProject())).stderr).toContain('Closest: coupa.');
    const tenant = await baton(['run', 'po_data_pipeline', '--tenant', 'defalt'], withProject());
    expect(tenant.stderr).toContain('No tenant "defalt". Closest: default.');
  });

  it('exits with 3 and names each problem', async () => {
    const cwd = project('version: 1\ngatway: {}\ncontrol: {password: hunter2}\n');
    const { code, stdout, stderr } = await baton(['connections', 'list'], { cwd });
    expect(code).toBe(3);
    expect(stdout).toBe('');
    expect(stderr).toContain('✗ The configuration has 2 problems:');
    expect(stderr).toContain('  baton.yaml:2:1  gatway is not a setting; did you mean "gateway"?');
    expect(stderr).toMatch(/baton.yaml:3:21 {2}control.password must be a reference to a secret/);
    const json = await baton(['connections', 'list', '--json'], { cwd });
    expect(JSON.parse(json.stdout)).toMatchObject({
      ok: false,
      error: { code: 'BTN-1001', location: { file: 'baton.yaml', line: 2, column: 1 }, problems: [{}, {}] },
    });
    expect(json.stdout + stderr).not.toContain('hunter2');
    expect((await baton(['connections', 'list'])).code).toBe(3);
  });

  it('refuses inputs and times that are none', async () => {
    const refused = async (...args: string[]) =>
      (await baton(['run', 'po_data_pipeline', ...args], withProject())).stderr;
    expect(await refused('-i', 'novalue')).toContain('-i key=value');
    expect(await refused('-i', 'a=1', '-i', 'a=2')).toContain('given twice');
    expect(await refused('-i', 'treshold=5')).toContain(
      '✗ po_data_pipeline has no input "treshold"; did you mean "threshold"? There are: initialValue, lag',
    );
    expect(await refused('-i', 'threshold=much')).toContain(
      'The input threshold of po_data_pipeline must be',
    );
    expect((await baton(['run', 'po_data_pipeline', '-i', 'x=1'], withProject())).code).toBe(3);
    expect(await refused('--logical-date', 'yesterday')).toContain('"yesterday" is no time');
  });
});

describe('connections list', () => {
  it('is TSV in a pipe, a table on a terminal, and the same rows in each machine form', async () => {
    const piped = await baton(['connections', 'list'], withProject());
    expect(piped.stdout.split('\n')[0]).toBe('name\ttype\tsystem\tbase_url\ttenant\tlimit\tstate');
    expect(piped.stdout.split('\n')[1]).toBe('coupa\tcoupa\tCoupa\thttp://127.0.0.1:4100/coupa\t\t\t');
    const table = await baton(['connections', 'list'], { ...withProject(), isTTY: true, columns: 60 });
    for (const line of table.stdout.split('\n'))
      expect(stripVTControlCharacters(line).length).toBeLessThanOrEqual(60);
    expect(table.stdout).toMatch(/…/);
    const json = JSON.parse((await baton(['connections', 'list', '--json'], withProject())).stdout);
    expect(json.data).toHaveLength(5);
    expect(json).toMatchObject({ v: 1, ok: true, page: { next: null }, warnings: [] });
    const ndjson = (await baton(['-o', 'ndjson', 'connections', 'list'], withProject())).stdout;
    expect(
      ndjson
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(json.data);
    const { parse } = await import('yaml');
    expect(parse((await baton(['connections', 'list', '-o', 'yaml'], withProject())).stdout)).toEqual(
      json.data,
    );
  });

  it('has no colour codes unless a terminal or FORCE_COLOR asks for them', async () => {
    const coloured = async (options: object) =>
      (await baton(['connections', 'list'], { ...withProject(), ...options })).stdout.includes('\u001b[');
    expect(await coloured({ isTTY: true })).toBe(true);
    expect(await coloured({ isTTY: true, env: { NO_COLOR: '1' } })).toBe(false);
    expect(await coloured({ isTTY: false })).toBe(false);
    const flag = await baton(['connections', 'list', '--no-color'], { ...withProject(), isTTY: true });
    expect(flag.stdout).not.toContain('\u001b[');
  });
});

describe('services that are away', () => {
  const away = {
    TEMPORAL_ADDRESS: '127.0.0.1:1',
    DATABASE_URL: 'postgres://nobody:hunter2@127.0.0.1:1/none',
    COUPA: 'hunter2',
  };

  it.each([
    [['schedules', 'list'], 'BTN-5004', '127.0.0.1:1'],
    [['runs', 'list'], 'BTN-4005', '127.0.0.1:1'],
    [['quarantine', 'list'], 'BTN-4001', '127.0.0.1:1'],
  ])(
    'baton %j exits with 7',
    async (args, code, where) => {
      const result = await baton([...args, '--json'], withProject(away));
      expect(result.code).toBe(7);
      expect(JSON.parse(result.stdout)).toMatchObject({ ok: false, error: { code, retryable: true } });
      expect(result.stderr).toContain(where);
      const debug = await baton([...args, '--debug'], withProject(away));
      expect(debug.stderr).toContain('    at ');
      expect(result.stderr + result.stdout + debug.stderr).not.toContain('hunter2');
    },
    20_000,
  );
});
