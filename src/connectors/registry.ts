import type { Offers } from '../domain/plan.js';
import { airbyte } from './airbyte/index.js';
import { alertmanager } from './alertmanager/index.js';
import { ariba } from './ariba/index.js';
import { coupa } from './coupa/index.js';
import { datadog } from './datadog/index.js';
import { email } from './email/index.js';
import { files } from './files/index.js';
import { fivetran } from './fivetran/index.js';
import { frankfurter } from './frankfurter/index.js';
import { freshdesk } from './freshdesk/index.js';
import { freshservice } from './freshservice/index.js';
import { grafana } from './grafana/index.js';
import { pagerduty } from './pagerduty/index.js';
import { type Connector, type Stream, streamsOf } from './port.js';
import { postgres } from './postgres/index.js';
import { rest } from './rest/index.js';
import { salesforce } from './salesforce/index.js';
import { service } from './service/index.js';
import { slack } from './slack/index.js';
import { sns } from './sns/index.js';
import { teams } from './teams/index.js';
import { webhook } from './webhook/index.js';
import { zendesk } from './zendesk/index.js';

/** Every connector of this build, by the `type` that a connection names in baton.yaml. */
export const connectors: Readonly<Record<string, Connector>> = {
  airbyte,
  alertmanager,
  ariba,
  coupa,
  datadog,
  email,
  files,
  fivetran,
  frankfurter,
  freshdesk,
  freshservice,
  grafana,
  pagerduty,
  postgres,
  rest,
  salesforce,
  service,
  slack,
  sns,
  teams,
  webhook,
  zendesk,
};

/** Connections of baton.yaml, as far as it takes to know what they offer. */
export type Configured = Readonly<Record<string, { readonly type: string; readonly settings?: unknown }>>;

/** The streams of a configured connection by name; none when there is no such connection. */
export function streamsIn(
  connections: Configured,
  connection: string,
  known = connectors,
): Readonly<Record<string, Stream>> {
  const { type = '', settings } = connections[connection] ?? {};
  const connector = known[type];
  return connector === undefined ? {} : streamsOf(connector, settings);
}

/** What a configured connection has, as pipelines ask it when they are compiled. */
export function offersOf(connections: Configured, known = connectors): Offers {
  return (connection, stream) => {
    const found = streamsIn(connections, connection, known)[stream];
    return found === undefined ? undefined : { acknowledges: found.acknowledgement !== undefined };
  };
}
