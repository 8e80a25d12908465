import { readFileSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

export interface Taken {
  /** Recipients of the envelope. */
  readonly to: readonly string[];
  readonly raw: string;
  readonly mail: ParsedMail;
  readonly secure: boolean;
  readonly user: unknown;
}

export interface MailServerForTests {
  readonly port: number;
  /** Mails whose end arrived, whatever was answered. */
  readonly taken: Taken[];
  /** What fails; cleared by the test. */
  readonly faults: Faults;
  readonly logins: number;
  close(): Promise<void>;
}

export interface Faults {
  greeting?: number;
  sender?: number;
  /** By address. */
  recipients?: Readonly<Record<string, number>>;
  /** The answer to the end of the message. */
  message?: number;
  /** Cuts the connection instead of answering. */
  drop?: 'greeting' | 'sender' | 'recipient' | 'message';
  /** Answers the same step only after so long. */
  slow?: { readonly at: 'sender' | 'message'; readonly ms: number };
}

export const account = { user: 'baton', password: 'canary-smtp-5e81c0' } as const;

const fixture = (name: string) => readFileSync(new URL(`../fixtures/email/${name}`, import.meta.url), 'utf8');

/** Of `localhost`, signed by itself; good for nothing but tests. */
export const certificate = fixture('localhost.cert.pem');

/** A real SMTP server, not ours, whose mails are read by another reader than their writer. */
export async function startMailServer(options: SMTPServerOptions = {}): Promise<MailServerForTests> {
  const taken: Taken[] = [];
  const faults: Faults = {};
  const sockets = new Set<Socket>();
  let logins = 0;
  type Step = 'sender' | 'message';
  const answer = (
    done: (error?: Error | null) => void,
    status: number | undefined,
    at?: Step,
    words = 'as the test wants it',
  ): void => {
    const say = () =>
      done(status === undefined ? null : Object.assign(new Error(words), { responseCode: status }));
    if (at !== undefined && faults.slow?.at === at) setTimeout(say, faults.slow.ms);
    else say();
  };
  const drop = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const server = new SMTPServer({
    authOptional: true,
    logger: false,
    disableReverseLookup: true,
    closeTimeout: 100,
    cert: certificate,
    key: fixture('localhost.key.pem'),
    ...options,
    onAuth({ username, password }, _, done) {
      logins += 1;
      if (username === account.user && password === account.password) done(null, { user: username });
      // A server that repeats what it was given.
      else answer((error) => done(error), 535, undefined, `Invalid login ${password}`);
    },
    onConnect(_, done) {
      if (faults.drop === 'greeting') drop();
      else answer(done, faults.greeting);
    },
    onMailFrom(_address, _session, done) {
      if (faults.drop === 'sender') drop();
      else answer(done, faults.sender, 'sender');
    },
    onRcptTo({ address }, _, done) {
      if (faults.drop === 'recipient') drop();
      else answer(done, faults.recipients?.[address]);
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', async () => {
        const raw = Buffer.concat(chunks);
        const { envelope, secure, user } = session;
        const to = envelope.rcptTo.map(({ address }) => address);
        taken.push({ to, raw: raw.toString('utf8'), mail: await simpleParser(raw), secure, user });
        if (faults.drop === 'message') drop();
        else answer(done, faults.message, 'message');
      });
    },
  });
  server.on('error', () => {});
  server.server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.server.address() as AddressInfo).port,
    taken,
    faults,
    get logins() {
      return logins;
    },
    close: () => {
      drop();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
