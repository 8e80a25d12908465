import { BatonError } from '../../protocol/errors.js';
import { dnsFix, resolveHost } from '../check.js';
import type { Place } from '../http-failure.js';
import type { CheckTick } from '../port.js';
import { failureWords } from './notifier.js';
import { type MailServer, speak } from './session.js';

const tlsFix =
  'smtps:// (port 465) is TLS from the first byte, smtp:// (port 587) begins it by STARTTLS; a company’s own certificate authority goes into `ca`, and `tls: none` does without.';
const authFix =
  'Correct auth.user, or the secret that auth.password refers to; some providers want an app password.';

/** The ticks of a mail server: its name, TLS, and the login. No mail is sent. */
export async function* checkServer(
  server: MailServer,
  place: Place,
  signal: AbortSignal | undefined,
): AsyncIterable<CheckTick> {
  try {
    yield { step: 'dns', state: 'ok', detail: await resolveHost(server.host) };
  } catch (error) {
    if (!(error instanceof BatonError)) throw error;
    yield { step: 'dns', state: 'failed', detail: error.message, fix: dnsFix(place.connection) };
    return;
  }
  const spoken = await speak(server, null, signal);
  signal?.throwIfAborted();
  const hasFailed = spoken.kind === 'failed';
  const step = server.tls === 'none' || (hasFailed && spoken.stage !== 'connect') ? 'auth' : 'tls';
  if (step === 'auth' || !hasFailed) yield tlsTick(server);
  if (hasFailed) {
    const detail = failureWords(spoken, place);
    yield { step, state: 'failed', detail, fix: step === 'tls' ? tlsFix : authFix };
    return;
  }
  yield server.login === null
    ? { step: 'auth', state: 'skipped', detail: 'no auth is set: the server answered' }
    : { step: 'auth', state: 'ok', detail: `as ${server.login.user}` };
  yield { step: 'sample', state: 'skipped', detail: 'a mail would be sent' };
}

function tlsTick({ tls }: MailServer): CheckTick {
  if (tls === 'none') return { step: 'tls', state: 'skipped', detail: 'tls is none' };
  return { step: 'tls', state: 'ok', detail: tls === 'first' ? 'from the first byte' : 'by STARTTLS' };
}
