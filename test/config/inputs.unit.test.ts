import { describe, expect, it } from 'vitest';
import { loadConfig, pipelineInputs, type RunRequest, settingsOfRun } from '../../src/config/index.js';
import { project, small } from './project.js';

const settings = `{source: coupa, customers: salesforce, rates: rates, desk: zendesk, lag: 90m, retryDelay: 1500ms,
    threshold: "2600.75", initialValue: 2026-01-05, tolerance: {relative: "0.02"}, schedule: {catchupWindow: 3h}}`;

function load() {
  const yaml = small.replace(/po_data_pipeline: .*/, `po_data_pipeline: ${settings}`);
  return loadConfig({ cwd: project(yaml), env: { BATON_TENANTS: '[default, acme]' } });
}

const request = (inputs: Record<string, string>, more: Partial<RunRequest> = {}): RunRequest => ({
  pipeline: 'po_data_pipeline',
  tenant: 'default',
  inputs,
  ...more,
});
const of = (inputs: Record<string, string>) => settingsOfRun(load(), request(inputs));

describe('the inputs of a run', () => {
  it('are the settings that change no table, no account and no address', () => {
    expect(pipelineInputs().map(({ name }) => name)).toEqual([
      'initialValue',
      'lag',
      'retries',
      'retryDelay',
      'threshold',
      'tolerance.absolute',
      'tolerance.relative',
      'customerField',
      'highPriority.field',
      'highPriority.value',
      'summaryAfter',
      'reopenWithin',
      'openAfter',
    ]);
  });

  it('none leave the settings as they are, and one changes that one alone', () => {
    const own = load().pipelines['po_data_pipeline'];
    expect(of({})).toEqual(own);
    expect(own).toMatchObject({ lagMs: 5_400_000, retryDelayMs: 1_500, threshold: '2600.75' });
    expect(of({ threshold: '9.99' })).toEqual({ ...own, threshold: '9.99' });
    expect(of({ retries: '0' })).toEqual({ ...own, retries: 0 });
    expect(of({ retryDelay: '30s' })).toEqual({ ...own, retryDelayMs: 30_000 });
    expect(of({ lag: 'null' })).toEqual({ ...own, lagMs: null });
    expect(of({ initialValue: '2026-02-03' })).toEqual({ ...own, initialValue: '2026-02-03T00:00:00.000Z' });
    expect(of({ customerField: '12', 'tolerance.absolute': '3' })).toEqual({
      ...own,
      customerField: '12',
      tolerance: { absolute: '3', relative: '0.02' },
    });
  });

  it.each(pipelineInputs())('$name takes its own example', ({ name, example, description }) => {
    expect(example).not.toBe('');
    expect(description).not.toBe('');
    expect(of({ [name]: example })).not.toEqual(of({}));
  });

  it.each([
    [{ treshold: '5' }, /has no input "treshold"; did you mean "threshold"\? There are: initialValue, lag,/],
    [{ source: 'other', desk: 'mine' }, /no input "source"\. po_data_pipeline has no input "desk"/],
    [{ tolerance: '5' }, /no input "tolerance"/],
    [{ constructor: 'x', 'threshold.x': '1' }, /no input "constructor".*no input "threshold.x"/],
    [{ threshold: 'hunter2-secret' }, /The input threshold of po_data_pipeline must be a decimal number/],
    [
      { threshold: '-1', retries: 'many' },
      /retries .* must be a whole number.*threshold .* must be a decimal/,
    ],
    [{ summaryAfter: '1.5' }, /summaryAfter of po_data_pipeline must be a whole number/],
    [{ customerField: '' }, /customerField of po_data_pipeline must be a field name/],
    [{ threshold: 'null' }, /threshold of po_data_pipeline must be a decimal/],
  ])('%j is refused, in words that help', (inputs, words) => {
    const refused = () => of(inputs as unknown as Record<string, string>);
    expect(refused).toThrow(expect.objectContaining({ error: 'ERR_INPUT_INVALID', retryable: false }));
    expect(refused).toThrow(words);
    expect(refused).not.toThrow('hunter2');
  });
});

describe('the tenant of a run', () => {
  it('is one of those of the configuration', () => {
    expect(settingsOfRun(load(), request({}, { tenant: 'acme' }))).not.toBeNull();
    const refused = () => settingsOfRun(load(), request({}, { tenant: 'acmee' }));
    expect(refused).toThrow(expect.objectContaining({ error: 'ERR_UNKNOWN_NAME', retryable: false }));
    expect(refused).toThrow('No tenant "acmee". Closest: acme.');
  });
});
