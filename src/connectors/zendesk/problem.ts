import type { VendorProblem } from '../http-failure.js';

/**
 * Zendesk's errors: `{"error":"RecordInvalid","description":…,"details":{"field":[{"description"}]}}`, or an
 * object `{"error":{"title","message"}}` from its outer layers.
 */
export function zendeskProblem(_status: number, body: unknown): VendorProblem | null {
  if (typeof body !== 'object' || body === null || !('error' in body)) return null;
  const { error } = body;
  if (typeof error === 'object' && error !== null) {
    const title = 'title' in error ? String(error.title) : '';
    return { words: 'message' in error ? `${title}: ${String(error.message)}` : title };
  }
  const described = 'description' in body ? [String(body.description)] : [];
  const details = 'details' in body ? fieldWords(body.details) : [];
  return { words: [String(error), ...described, ...details].join(': ') };
}

function fieldWords(details: unknown): string[] {
  if (typeof details !== 'object' || details === null) return [];
  return Object.entries(details).map(([field, problems]) => {
    const first: unknown = Array.isArray(problems) ? problems[0] : problems;
    const words =
      typeof first === 'object' && first !== null && 'description' in first ? first.description : first;
    return `${field}: ${String(words)}`;
  });
}
