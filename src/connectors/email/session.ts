import { Readable } from 'node:stream';
import type { NodemailerError } from 'nodemailer';
import type { Secret } from '../../domain/secret.js';
import { createStopper, type Stop, type Stopper } from '../stopper.js';

/** How a mail server is spoken with. */
export interface MailServer {
  readonly host: string;
  readonly port: number;
  /** `first`: from the first byte. `starttls`: nothing is said before it. */
  readonly tls: 'first' | 'starttls' | 'none';
  /** Certificate authorities in PEM, instead of those that Node.js knows. */
  readonly ca: Secret | null;
  readonly login: { readonly user: string; readonly password: Secret } | null;
  /** Deadline of the whole session. */
  readonly timeoutMs: number;
}

export interface Letter {
  readonly from: string;
  readonly to: readonly string[];
  /** In MIME, as it is sent. */
  readonly bytes: Buffer;
}

/** How far a session had come. `message`: from MAIL FROM to the answer to the end of the message. */
export type Stage = 'connect' | 'login' | 'message';

/** A recipient that the server did not take while it took others. */
interface Untaken {
  readonly address: string;
  readonly status: number;
  readonly words: string;
}

export type Spoken =
  | { readonly kind: 'done'; readonly untaken: readonly Untaken[] }
  | {
      readonly kind: 'failed';
      readonly stage: Stage;
      /** The server's answer (RFC 5321); null when it gave none. */
      readonly status: number | null;
      /** nodemailer's or the operating system's name of the failure. */
      readonly code: string;
      /** In the server's own words where it gave any; it may repeat what must not be shown. */
      readonly words: string;
      readonly stopped: Stop | null;
      /** The end of the message was on its way: the server may have it. */
      readonly mayHaveIt: boolean;
    };

/** One session: greeting, TLS, login, and the letter if there is one. Never throws. */
export async function speak(
  server: MailServer,
  letter: Letter | null,
  signal: AbortSignal | undefined,
): Promise<Spoken> {
  const { default: SMTPConnection } = await import('nodemailer/lib/smtp-connection');
  const { host, port, tls, ca, login, timeoutMs } = server;
  const connection = new SMTPConnection({
    host,
    port,
    secure: tls === 'first',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    tls: { minVersion: 'TLSv1.2', ...(ca === null ? {} : { ca: ca.reveal() }) },
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
  });
  const stopper = createStopper(timeoutMs, signal);
  const broken = breakage(connection, stopper);
  const step = <T>(start: (done: Done<T>) => void): Promise<T> => Promise.race([answered<T>(start), broken]);
  let stage: Stage = 'connect';
  let wasRead = false;
  try {
    await step<void>((done) => connection.connect(done));
    stage = 'login';
    if (login !== null)
      await step<unknown>((done) =>
        connection.login({ user: login.user, pass: login.password.reveal() }, done),
      );
    stage = 'message';
    const untaken =
      letter === null
        ? []
        : await step<readonly Untaken[]>((done) => {
            // It is asked for its bytes only when the server waits for them, and its end goes out only after them.
            const bytes = Readable.from([letter.bytes]).once('end', () => {
              wasRead = true;
            });
            const envelope = { from: letter.from, to: [...letter.to], size: letter.bytes.length };
            connection.send(envelope, bytes, (error, info) => done(error, untakenOf(info?.rejectedErrors)));
          });
    connection.quit();
    return { kind: 'done', untaken };
  } catch (error) {
    connection.close();
    return { ...failureOf(error), kind: 'failed', stage, stopped: stopper.stopped(), mayHaveIt: wasRead };
  } finally {
    stopper.release();
  }
}

type Done<T> = (error?: Error | null, value?: T) => void;

function answered<T>(start: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error ? reject(error) : resolve(value as T)));
  });
}

/** Rejects when the connection breaks, whatever was waited for, or when it is stopped. */
function breakage(
  connection: { on(event: 'error', listener: (error: Error) => void): unknown },
  stopper: Stopper,
): Promise<never> {
  const broken = new Promise<never>((_, reject) => {
    connection.on('error', reject);
    const stop = (): void => reject(new Error(stopper.stopped() ?? 'stopped'));
    if (stopper.signal.aborted) stop();
    else stopper.signal.addEventListener('abort', stop, { once: true });
  });
  // After the last step nobody waits for it.
  broken.catch(() => {});
  return broken;
}

type SmtpError = Partial<NodemailerError>;

function failureOf(error: unknown): { status: number | null; code: string; words: string } {
  const { code, originalCode, responseCode, response, message } = error as SmtpError;
  return {
    status: responseCode || null,
    code: originalCode ?? code ?? '',
    words: response || (message ?? ''),
  };
}

function untakenOf(errors: readonly SmtpError[] | undefined): readonly Untaken[] {
  return (errors ?? []).map((error) => ({
    address: error.recipient ?? '',
    status: error.responseCode || 0,
    words: error.response || (error.message ?? ''),
  }));
}
