import type { BatonConfig } from '../../config/index.js';

/** The run in Temporal's Web UI. */
export function temporalLink(config: BatonConfig, runId: string): string {
  const { uiUrl, namespace } = config.temporal;
  return `${uiUrl}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(runId)}`;
}
