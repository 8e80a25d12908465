import http, { type RequestListener, type Server } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { createVendorHttp, type VendorHttp, type VendorHttpOptions } from '../../src/connectors/http.js';
import type { RequestEvent } from '../../src/connectors/port.js';
import { createTokenHolder, mintToken } from '../../src/connectors/token.js';
import { Secret } from '../../src/domain/secret.js';
import { failure, limits } from './support.js';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function listen(server: Server | net.Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    if (server instanceof http.Server) server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A vendor that answers every request with these very bytes and hangs up. */
function raw(answer: string | Buffer): Promise<string> {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(answer));
  });
  return listen(server);
}

function served(listener: RequestListener): Promise<string> {
  return listen(http.createServer(listener));
}

function client(baseUrl: string, more: Partial<VendorHttpOptions> = {}): VendorHttp {
  const made = createVendorHttp({ connection: 'shop', system: 'Shop', baseUrl, limits, ...more });
  closing.push(() => made.close());
  return made;
}

const get = { method: 'GET', path: '/things' } as const;
const post = { method: 'POST', path: '/things', json: { a: 1 } } as const;

describe('a body that is not whole', () => {
  it('is cut off against its Content-Length', async () => {
    const base = await raw('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{"id":1},');
    const error = await failure(client(base).read(get), 'ERR_SOURCE_BAD_RESPONSE');
    expect(error.message).toBe('shop: GET /things was cut off after 10 of 100 bytes');
  });

  it('is cut off in the middle of its chunks', async () => {
    const base = await raw('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[1,2,\r\n');
    await failure(client(base).read(get), 'ERR_SOURCE_BAD_RESPONSE');
  });

  it('is cut off inside its compression', async () => {
    const body = gzipSync(Buffer.from('[1,2,3]'.repeat(1000)));
    const head = `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length - 9}\r\n\r\n`;
    const base = await raw(Buffer.concat([Buffer.from(head), body.subarray(0, body.length - 9)]));
    await failure(client(base).read(get), 'ERR_SOURCE_BAD_RESPONSE');
  });

  it('is too large, also when compression hid it', async () => {
    const body = gzipSync(Buffer.alloc(30_000_000));
    const base = await served((_, answer) => answer.writeHead(200, { 'content-encoding': 'gzip' }).end(body));
    const error = await failure(client(base).read(get), 'ERR_SOURCE_BAD_RESPONSE');
    expect(error.message).toContain('more than 20000000 bytes');
    expect(error.retryable).toBe(false);
  });

  it('is not HTTP at all', async () => {
    const base = await raw('220 mail.example.com ESMTP\r\n');
    const error = await failure(client(base).read(get), 'ERR_SOURCE_BAD_RESPONSE');
    expect(error.message).toContain('did not answer in HTTP');
  });
});

describe('what an error shows', () => {
  it('holds no secret, even if the vendor sends it back', async () => {
    const secret = new Secret('xoxb-canary-slack-19aa');
    const base = await served((request, answer) => {
      answer.writeHead(500).end(`you sent ${request.headers.authorization} to ${request.url}`);
    });
    const authenticator = {
      authorize: async () => ({ header: new Secret('Bearer canary-token-in-header'), calls: 0 }),
    };
    const error = await failure(
      client(base, { secrets: [secret], authenticator }).read({ ...get, query: { key: secret.reveal() } }),
      'ERR_SOURCE_UNAVAILABLE',
    );
    expect(error.message).toBe('shop: GET /things answered 500: you sent [secret] to /things?key=[secret]');
    expect(error.cause).toBeUndefined();
  });

  it('is one short line, whatever the body holds', async () => {
    const base = await served((_, answer) => answer.writeHead(400).end(`\u001b[31m\n${'x'.repeat(10_000)}`));
    const { message } = await failure(client(base).read(get), 'ERR_SOURCE_BAD_REQUEST');
    expect(message.length).toBeLessThan(300);
    expect(message).not.toMatch(/\p{Cc}/u);
  });

  it('does not name the query', async () => {
    const base = await served((_, answer) => answer.writeHead(404).end());
    const { message } = await failure(
      client(base).read({ ...get, path: '/things?code=s3' }),
      'ERR_SOURCE_BAD_REQUEST',
    );
    expect(message).toBe('shop: GET /things answered 404');
  });
});

describe('requests', () => {
  it('never leave their host: no redirects, no absolute addresses', async () => {
    const visited: string[] = [];
    const other = await served((request, answer) => {
      visited.push(String(request.url));
      answer.end('[]');
    });
    const base = await served((_, answer) => answer.writeHead(302, { location: `${other}/stolen` }).end());
    const error = await failure(client(base).read(get), 'ERR_SOURCE_BAD_RESPONSE');
    expect(error.message).toContain('redirect');
    await failure(client(base).read({ ...get, path: `${other}/absolute` }), 'ERR_SOURCE_BAD_RESPONSE');
    await failure(
      client(base).read({ ...get, path: `//${other.slice(7)}/scheme-relative` }),
      'ERR_SOURCE_BAD_RESPONSE',
    );
    expect(visited).toEqual([]);
  });

  it('keep what they ask for intact on the way', async () => {
    const base = await served((request, answer) => answer.end(JSON.stringify(request.url)));
    const answer = await client(`${base}/prefix`).read({
      ...get,
      query: { 'updated-at[gt_or_eq]': '2026-01-01T00:00:00+02:00', q: 'a&b=c d' },
    });
    const url = new URL(JSON.parse(answer.body.toString()), base);
    expect(url.pathname).toBe('/prefix/things');
    expect([...url.searchParams]).toEqual([
      ['updated-at[gt_or_eq]', '2026-01-01T00:00:00+02:00'],
      ['q', 'a&b=c d'],
    ]);
  });

  it('tell what they did, without bodies, headers or queries', async () => {
    const events: RequestEvent[] = [];
    const base = await served((_, answer) => answer.writeHead(204).end());
    const shop = client(base, { onRequest: (event) => events.push(event) });
    await shop.read({ ...get, query: { secret: 'x' } });
    await shop.send({ ...post, timeoutMs: 1_000 });
    const closed = client('http://127.0.0.1:1', { onRequest: (event) => events.push(event) });
    await failure(closed.read(get), 'ERR_SOURCE_UNREACHABLE');
    expect(events.map(({ method, status }) => `${method} ${status}`)).toEqual([
      'GET 204',
      'POST 204',
      'GET error',
    ]);
    expect(Object.keys(events[0] ?? {}).sort()).toEqual(['connection', 'durationMs', 'method', 'status']);
  });

  it('are spaced when the connection has a rate, and say how long they waited', async () => {
    const events: RequestEvent[] = [];
    const base = await served((_, answer) => answer.end('[]'));
    const shop = client(base, {
      limits: { ...limits, requestsPerSecond: 20 },
      onRequest: (event) => events.push(event),
    });
    const startedMs = performance.now();
    await Promise.all(Array.from({ length: 16 }, () => shop.read(get)));
    // Six at once, then one each 50 ms.
    expect(performance.now() - startedMs).toBeGreaterThan(450);
    expect(events.filter(({ rateLimitWaitMs }) => rateLimitWaitMs !== undefined)).toHaveLength(10);
  });
});

describe('send', () => {
  it('tells nothing written from not knowing', async () => {
    const silent = await listen(net.createServer((socket) => void socket.on('error', () => {})));
    const rude = await listen(
      net.createServer((socket) => void socket.once('data', () => socket.resetAndDestroy())),
    );
    const hasty = { ...post, timeoutMs: 200 };
    expect((await client(silent).send(hasty)).kind).toBe('unknown');
    expect((await client(rude).send(post)).kind).toBe('unknown');
    expect((await client('http://127.0.0.1:1').send(post)).kind).toBe('not_sent');
    expect((await client('http://no-such-host.invalid').send(post)).kind).toBe('not_sent');
    expect((await client(silent).send({ ...post, signal: AbortSignal.abort() })).kind).toBe('not_sent');
  });

  it('knows that nothing was written while TLS is not agreed', async () => {
    const silent = await listen(net.createServer((socket) => void socket.on('error', () => {})));
    const plain = await raw('HTTP/1.1 400 Bad Request\r\n\r\n');
    const hasty = { ...post, timeoutMs: 200 };
    expect((await client(silent.replace('http:', 'https:')).send(hasty)).kind).toBe('not_sent');
    expect((await client(plain.replace('http:', 'https:')).send(post)).kind).not.toBe('answered');
  });

  it('writes once on a connection of its own, so a kept one that was closed cannot make it unknown', async () => {
    const ports = new Set<number | undefined>();
    let requests = 0;
    const base = await served((request, answer) => {
      requests++;
      ports.add(request.socket.remotePort);
      answer.end('{}');
    });
    const shop = client(base);
    for (let n = 0; n < 3; n++) expect((await shop.send(post)).kind).toBe('answered');
    expect([requests, ports.size]).toEqual([3, 3]);
  });
});

describe('tokens', () => {
  /** A vendor whose tokens live this long, and that refuses those it is told to. */
  async function vendor(
    lifetimeSeconds: number | undefined,
    refuses: (token: string) => boolean = () => false,
  ) {
    let minted = 0;
    const base = await served((request, answer) => {
      if (request.url === '/token') {
        minted++;
        const body = { access_token: `t${minted}`, expires_in: lifetimeSeconds };
        setTimeout(() => answer.end(JSON.stringify(body)), 30);
        return;
      }
      const token = String(request.headers.authorization).slice('Bearer '.length);
      answer.writeHead(refuses(token) ? 401 : 200).end(token);
    });
    const open = (): VendorHttp => {
      const shop: VendorHttp = client(base, {
        authenticator: createTokenHolder({ key: base, mint: () => mintToken(shop, '/token', {}) }),
      });
      return shop;
    };
    return { open, minted: () => minted };
  }

  it('are fetched once for all who ask, in all connections of the process', async () => {
    const { open, minted } = await vendor(3600);
    await Promise.all([open(), open()].flatMap((shop) => Array.from({ length: 5 }, () => shop.read(get))));
    expect(minted()).toBe(1);
  });

  it('are renewed before they expire', async () => {
    const { open, minted } = await vendor(0.5);
    const shop = open();
    await shop.read(get);
    await shop.read(get);
    expect(minted()).toBe(1);
    // A fifth of half a second before the end.
    await new Promise((resolve) => setTimeout(resolve, 420));
    await shop.read(get);
    expect(minted()).toBe(2);
  });

  it('are renewed once when refused; a late refusal of the old one does not throw away the new one', async () => {
    const { open, minted } = await vendor(undefined, (token) => token === 't1');
    const shop = open();
    const answers = await Promise.all(Array.from({ length: 8 }, () => shop.read(get)));
    expect(new Set(answers.map(({ body }) => body.toString()))).toEqual(new Set(['t2']));
    expect(minted()).toBe(2);
  });

  it('do not go round in circles when every one is refused', async () => {
    const { open, minted } = await vendor(undefined, () => true);
    await failure(open().read(get), 'ERR_SOURCE_AUTH');
    expect(minted()).toBe(2);
  });

  it('are not lost for others when one caller is cancelled', async () => {
    const { open, minted } = await vendor(3600);
    const shop = open();
    const reason = new Error('stop');
    const controller = new AbortController();
    const impatient = shop.read({ ...get, signal: controller.signal });
    const patient = shop.read(get);
    controller.abort(reason);
    await expect(impatient).rejects.toBe(reason);
    expect((await patient).body.toString()).toBe('t1');
    expect(minted()).toBe(1);
  });

  it('never appear when the token call answers something else', async () => {
    const base = await served((_, answer) => answer.end('{"token":"canary-coupa-4f1d9c"}'));
    const shop: VendorHttp = client(base, {
      authenticator: createTokenHolder({ key: base, mint: () => mintToken(shop, '/token', {}) }),
    });
    const error = await failure(shop.read(get), 'ERR_SOURCE_BAD_RESPONSE');
    expect(error.message).toBe('shop: POST /token answered without an access token');
  });
});
