import type { Settings } from '../settings.js';
import { type Answer, type Call, json, parseObject, type Vendor } from '../wire.js';
import type { ServiceStore } from './store.js';

/**
 * A company's own services, which take commands over HTTP: `POST /inventory/allocations` does something, and
 * `POST /inventory/allocations/<id>/release` takes it back. Each wants an Idempotency-Key
 * (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/) and answers a repeat as the first time.
 * No credentials.
 */
export function createServices(store: ServiceStore, settings: Settings): Vendor {
  const refused = (call: Call): Answer | null => {
    const { service = '', collection = '', command } = call.params;
    const name = command ?? `${service}/${collection}`;
    return settings.servicesRefuse.includes(name)
      ? json(422, { error: `${name} is not possible for this order` })
      : null;
  };
  const keyOf = (call: Call): string => String(call.headers['idempotency-key'] ?? '');
  const missingKey = json(400, { error: 'Idempotency-Key is missing' });

  function create(call: Call): Answer {
    const { service = '', collection = '' } = call.params;
    const key = keyOf(call);
    const body = parseObject(call.body);
    if (key === '') return missingKey;
    if (body === null) return json(400, { error: 'the body is no JSON object' });
    return refused(call) ?? json(201, { id: store.create(`${service}/${collection}`, key, body).id });
  }

  function command(call: Call): Answer {
    const { service = '', collection = '', id = '', command: name = '' } = call.params;
    const key = keyOf(call);
    if (key === '') return missingKey;
    const no = refused(call);
    if (no !== null) return no;
    const record = store.command(`${service}/${collection}`, id, name, key);
    return record === null ? json(404, { error: 'not found' }) : json(200, { id: record.id });
  }

  function list(call: Call): Answer {
    const { service = '', collection = '' } = call.params;
    return json(
      200,
      store.records.filter(({ place }) => place === `${service}/${collection}`),
    );
  }

  return {
    name: 'services',
    routes: [
      { method: 'GET', path: '/:service/:collection', open: true, handle: list },
      { method: 'POST', path: '/:service/:collection', open: true, handle: create },
      { method: 'POST', path: '/:service/:collection/:id/:command', open: true, handle: command },
    ],
    authenticate: () => null,
    refuse: (status) => json(status, { error: status === 404 ? 'not found' : 'internal error' }),
  };
}
