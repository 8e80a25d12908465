import { Secret } from '../../domain/secret.js';
import { checkConnection } from '../check.js';
import { type Authenticator, createVendorHttp, type VendorHttp } from '../http.js';
import { defineConnector, type OpenConnection, type ResolvedConnection, type Stream } from '../port.js';
import { optionalSetting, secretSetting, textSetting } from '../settings.js';
import { createTokenHolder, mintToken, tokenKey } from '../token.js';
import { vendorClock } from '../vendor-clock.js';
import { type RestSettings, restSettings } from './settings.js';
import { restStream } from './stream.js';

/** Any system that lists JSON records over HTTP: its streams and how their pages follow are configuration. */
export const rest = defineConnector<RestSettings>({
  type: 'rest',
  system: 'Any REST API',
  verifiedAgainst: ['sandbox'],
  connection: restSettings,
  streams: {},
  streamsOf,
  open,
});

function streamsOf({ streams }: RestSettings): Readonly<Record<string, Stream>> {
  return Object.fromEntries(Object.entries(streams).map(([name, spec]) => [name, restStream(name, spec)]));
}

function open(settings: ResolvedConnection): OpenConnection {
  // Validated already; the secrets stand in it resolved.
  const { streams } = settings.settings as unknown as RestSettings;
  const authenticator = authenticatorOf(settings, () => http);
  const http = createVendorHttp({
    connection: settings.name,
    system: settings.name,
    baseUrl: settings.baseUrl,
    limits: settings.limits,
    gate: settings.gate,
    onRequest: settings.onRequest,
    renewed: settings.renewed,
    ...(authenticator === undefined ? {} : { authenticator }),
    secrets: secretsOf(settings),
  });
  const declared = Object.values(streamsOf({ streams }));
  const path = Object.values(streams)[0]?.path ?? '/';
  const vendorNow = (signal?: AbortSignal) => vendorClock(http, { method: 'GET', path, signal });
  const opened: OpenConnection = {
    name: settings.name,
    http,
    vendorNow,
    check: (signal) =>
      checkConnection(
        opened,
        {
          system: settings.name,
          streams: declared,
          async authenticate(inner) {
            await vendorNow(inner);
            return authenticator === undefined ? 'no credentials' : 'credentials accepted';
          },
          authFix: `Check auth of the connection ${settings.name}.`,
          scopeFix: (scope) =>
            `Check path and window of the stream ${scope}, and what the credentials may read.`,
        },
        signal,
      ),
    close: () => http.close(),
  };
  return opened;
}

function authenticatorOf(settings: ResolvedConnection, http: () => VendorHttp): Authenticator | undefined {
  const has = (key: string) => optionalSetting(settings, `auth.${key}`) !== undefined;
  if (settings.settings['auth'] === undefined) return undefined;
  if (has('clientId')) return clientCredentials(settings, http);
  const scheme = has('username')
    ? basicOf(settings)
    : `Bearer ${secretSetting(settings, 'auth.token').reveal()}`;
  const authorization = { header: new Secret(scheme), calls: 0 };
  return { authorize: async () => authorization };
}

function basicOf(settings: ResolvedConnection): string {
  const pair = `${textSetting(settings, 'auth.username')}:${secretSetting(settings, 'auth.password').reveal()}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

function clientCredentials(settings: ResolvedConnection, http: () => VendorHttp): Authenticator {
  const clientId = textSetting(settings, 'auth.clientId');
  const clientSecret = secretSetting(settings, 'auth.clientSecret');
  const scope = optionalSetting(settings, 'auth.scope');
  const form = {
    client_id: clientId,
    client_secret: clientSecret,
    ...(scope === undefined ? {} : { scope }),
  };
  return createTokenHolder({
    key: tokenKey(settings.name, settings.baseUrl, clientId, clientSecret, scope ?? ''),
    mint: () => mintToken(http(), textSetting(settings, 'auth.tokenPath'), form),
  });
}

function secretsOf({ settings }: ResolvedConnection): readonly Secret[] {
  const auth = settings['auth'];
  if (typeof auth !== 'object' || auth === null) return [];
  return Object.values(auth).filter((value): value is Secret => value instanceof Secret);
}
