import type { IResource } from '@opentelemetry/resources';
import type { Sdk } from './sdk.js';

/** Who sends: the service, and what OTEL_RESOURCE_ATTRIBUTES adds. */
export function resourceOf({ resources }: Sdk, serviceName: string): IResource {
  const { Resource, detectResourcesSync, envDetectorSync } = resources;
  return Resource.default()
    .merge(detectResourcesSync({ detectors: [envDetectorSync] }))
    .merge(new Resource({ 'service.name': serviceName }));
}
