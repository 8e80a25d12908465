/**
 * What ingestion is held against: the same HTTP server, which verifies nothing, keeps no order and recognises no
 * repetition, and inserts what it gets in batches. Arguments: the database's address, its password, a port.
 */
import fastify from 'fastify';
import pg from 'pg';

const [url = '', password = '', port = '0'] = process.argv.slice(2);
const address = new URL(url);
address.password = password;
const pool = new pg.Pool({ connectionString: address.href, max: 2 });
await pool.query(
  'CREATE TABLE bodies (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea NOT NULL)',
);

interface Waiting {
  readonly body: Buffer;
  readonly done: (error?: Error) => void;
}
const waiting: Waiting[] = [];
let commits = 0;

async function pump(): Promise<void> {
  if (commits === 2 || waiting.length === 0) return;
  commits += 1;
  const batch = waiting.splice(0, 500);
  try {
    await pool.query('INSERT INTO bodies (body) SELECT unnest($1::bytea[])', [batch.map(({ body }) => body)]);
    for (const { done } of batch) done();
  } catch (error) {
    for (const { done } of batch) done(error as Error);
  }
  commits -= 1;
  void pump();
}

const server = fastify();
server.removeAllContentTypeParsers();
server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
server.post('/hooks/hooks', async (request, reply) => {
  await new Promise<void>((resolve, reject) => {
    waiting.push({
      body: request.body as Buffer,
      done: (error) => (error === undefined ? resolve() : reject(error)),
    });
    void pump();
  });
  return reply.code(202).send({ id: 'none' });
});
await server.listen({ host: '127.0.0.1', port: Number(port) });
process.once('SIGTERM', () => process.exit(0));
process.stdout.write(`${JSON.stringify({ ready: true })}\n`);
