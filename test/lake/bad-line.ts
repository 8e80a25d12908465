import http from 'node:http';

/** What the line does with one request; `next` passes it on and gives the store's answer. */
export type Mischief = 'pass' | 'lose the answer' | 'never answer' | 'slow down';

/** A line to a store that loses answers, keeps silent, or lets the store ask to slow down. */
export interface BadLine {
  readonly endpoint: string;
  /** For the requests to come, in order, those of the method; afterwards it passes everything. */
  plan(method: string, mischief: readonly Mischief[]): void;
  /** Requests of the method since the last plan. */
  seen(): number;
  close(): Promise<void>;
}

export async function startBadLine(target: string): Promise<BadLine> {
  let planned: Mischief[] = [];
  let method = 'PUT';
  let seen = 0;
  const server = http.createServer((request, response) => {
    const counts = request.method === method;
    if (counts) seen += 1;
    const mischief = counts ? (planned.shift() ?? 'pass') : 'pass';
    if (mischief === 'slow down') {
      request.resume();
      request.on('end', () => {
        response.writeHead(503, { 'content-type': 'application/xml' });
        response.end(
          '<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>',
        );
      });
      return;
    }
    const { method: verb, url = '/', headers } = request;
    const forward = http.request(
      new URL(url, target),
      { method: verb, headers, setHost: false },
      (answer) => {
        if (mischief === 'never answer') return void answer.resume();
        if (mischief === 'lose the answer') {
          answer.resume();
          answer.on('end', () => request.socket.destroy());
          return;
        }
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      },
    );
    forward.on('error', () => request.socket.destroy());
    request.pipe(forward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    plan(of, mischief) {
      method = of;
      planned = [...mischief];
      seen = 0;
    },
    seen: () => seen,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
