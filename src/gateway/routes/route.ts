import type { FastifyInstance } from 'fastify';
import type { Access } from '../access.js';
import type { GatewayParts } from '../parts.js';
import type { Readings } from '../readings.js';

/** What every route may use. */
export interface RouteContext {
  readonly parts: GatewayParts;
  readonly readings: Readings;
  readonly access: Access;
}

/** Adds one address to the server. */
export type Route = (server: FastifyInstance, context: RouteContext) => void;
