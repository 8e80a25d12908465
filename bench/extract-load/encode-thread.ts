import { connectors } from '../../src/connectors/registry.js';
import { serveEncoding } from '../../src/workers/serve-encoding.js';
import { benchConnector, benchType } from './connector.js';

/** Of a connector it uses the mappers only: the size of a page does not matter. */
serveEncoding({ ...connectors, [benchType]: benchConnector(1_000) });
