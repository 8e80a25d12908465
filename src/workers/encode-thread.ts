import { connectors } from '../connectors/registry.js';
import { serveEncoding } from './serve-encoding.js';

serveEncoding(connectors);
