import { describe, expect, it } from 'vitest';
import { createHandOver } from '../../src/lake/hand-over.js';

const record = (bytes: number) => Buffer.alloc(bytes);
const never = new AbortController().signal;

describe('the hand-over', () => {
  it('gives a part’s lines once', () => {
    const handOver = createHandOver(100);
    const lines = record(10);
    handOver.put('b', 'k', [lines]);
    expect(handOver.take('k')).toEqual([lines]);
    expect(handOver.take('k')).toBeNull();
  });

  it('lets the oldest go when it holds too much, and a part too large at once', () => {
    const handOver = createHandOver(100);
    handOver.put('b', 'first', [record(60)]);
    handOver.put('b', 'second', [record(60)]);
    expect(handOver.take('first')).toBeNull();
    expect(handOver.take('second')).not.toBeNull();
    handOver.put('b', 'huge', [record(101)]);
    expect(handOver.take('huge')).toBeNull();
    handOver.put('b', 'again', [record(100)]);
    expect(handOver.take('again')).not.toBeNull();
  });

  it('rings for its own batch only, for as many as wait', async () => {
    const handOver = createHandOver(100);
    const heard: string[] = [];
    const listen = (name: string, batch: string) =>
      handOver.wait(batch, 60_000, never).then(() => heard.push(name));
    const both = Promise.all([listen('a', 'mine'), listen('b', 'mine')]);
    const other = new AbortController();
    const left = handOver.wait('other', 60_000, other.signal);
    handOver.ring('mine');
    await both;
    expect(heard).toEqual(['a', 'b']);
    other.abort(new Error('stopped'));
    await expect(left).rejects.toThrow('stopped');
  });

  it('waits no longer than it is told', async () => {
    const since = performance.now();
    await createHandOver(1).wait('b', 30, never);
    expect(performance.now() - since).toBeGreaterThanOrEqual(25);
  });
});
