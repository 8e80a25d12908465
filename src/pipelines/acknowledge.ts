import type { AcknowledgeStep, ExtractStep, Offers } from '../domain/plan.js';

/** What tells the vendor that the records of an extract step are loaded; nothing where it wants no telling. */
export function acknowledging(
  offers: Offers,
  { id, connection, stream }: Pick<ExtractStep, 'id' | 'connection' | 'stream'>,
  loadStepId: string,
): readonly AcknowledgeStep[] {
  if (offers(connection, stream)?.acknowledges !== true) return [];
  return [
    {
      id: id.replace('extract_', 'acknowledge_'),
      kind: 'acknowledge',
      title: `acknowledge ${connection} ${stream.replaceAll('_', ' ')}`,
      dependsOn: [loadStepId],
      from: id,
    },
  ];
}
