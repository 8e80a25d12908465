import { coupa } from './coupa/index.js';
import type { Connector } from './port.js';

/** Every connector of this build, by the `type` that a connection names in baton.yaml. */
export const connectors: Readonly<Record<string, Connector>> = {
  coupa,
};
