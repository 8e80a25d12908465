import type { GoogleAuth } from 'google-auth-library';
import { BatonError } from '../protocol/errors.js';
import { refused, unavailable, unreachable, unresolved, withDeadline } from './failure.js';

/** As whom Google is asked: by Application Default Credentials, of the process's own environment. */
export interface GcpIdentity {
  /** `reference` and `project` are those that it is asked for. `renewed`: with credentials that are read anew. */
  headers(reference: string, project: string, options?: { readonly renewed: boolean }): Promise<GcpHeaders>;
}

export interface GcpHeaders {
  /** Hold a token: never shown. */
  readonly headers: Readonly<Record<string, string>>;
  /** `googleapis.com`, or that of a sovereign cloud. */
  readonly universe: string;
}

const scopes = ['https://www.googleapis.com/auth/cloud-platform'];

const how =
  'Set GOOGLE_APPLICATION_CREDENTIALS to a file of credentials, or give the pod or machine a service account.';

/** https://cloud.google.com/docs/authentication/application-default-credentials */
export function createGcpIdentity(): GcpIdentity {
  let auth: Promise<GoogleAuth> | null = null;

  async function ask(reference: string, project: string): Promise<GcpHeaders> {
    auth ??= openAuth(reference, project);
    const client = await (await auth).getClient();
    const headers = await client.getRequestHeaders();
    return { headers: Object.fromEntries(headers), universe: client.universeDomain };
  }

  return {
    async headers(reference, project, { renewed } = { renewed: false }) {
      if (renewed) auth = null;
      try {
        return await withDeadline(reference, 'who gives us credentials for Google', ask(reference, project));
      } catch (error) {
        auth = null;
        throw inOurWords(reference, error);
      }
    },
  };
}

/** The library, which only those install who have secrets there. */
async function openAuth(reference: string, projectId: string): Promise<GoogleAuth> {
  const library = await import('google-auth-library').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    const what = 'the package that gets credentials for Google is not installed';
    throw unresolved(reference, what, 'npm install google-auth-library@10');
  });
  // Without a project the library would look for one, if need be by running gcloud.
  const auth = new library.GoogleAuth({ scopes, projectId });
  // A key signs its own tokens, as Google's own clients do it: https://google.aip.dev/auth/4111
  auth.useJWTAccessWithScope = true;
  return auth;
}

interface LibraryFailure {
  readonly response?: { readonly status?: number; readonly data?: unknown };
}

/** Without its message and its request, which hold what was sent. */
function inOurWords(reference: string, error: unknown): unknown {
  if (error instanceof BatonError) return error;
  const code = unreachable(error);
  if (code !== null)
    return unavailable(reference, `who gives us credentials for Google cannot be reached (${code})`);
  const { response } = error as LibraryFailure;
  const status = response?.status;
  if (status === undefined) return refused(reference, 'no credentials for Google can be had', how);
  const words = `who gives us credentials for Google answered ${status}${reasonOf(response?.data)}`;
  return status >= 500 || status === 429
    ? unavailable(reference, words)
    : refused(reference, words, 'Renew the credentials of this process.');
}

/** OAuth's name of the failure: ` invalid_grant`. */
function reasonOf(data: unknown): string {
  const reason = typeof data === 'object' && data !== null && 'error' in data ? data.error : null;
  return typeof reason === 'string' && /^[a-z_]{1,40}$/.test(reason) ? ` ${reason}` : '';
}
