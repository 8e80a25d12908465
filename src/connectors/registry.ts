import { coupa } from './coupa/index.js';
import { frankfurter } from './frankfurter/index.js';
import type { Connector } from './port.js';
import { rest } from './rest/index.js';
import { salesforce } from './salesforce/index.js';
import { slack } from './slack/index.js';
import { zendesk } from './zendesk/index.js';

/** Every connector of this build, by the `type` that a connection names in baton.yaml. */
export const connectors: Readonly<Record<string, Connector>> = {
  coupa,
  frankfurter,
  rest,
  salesforce,
  slack,
  zendesk,
};
