import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';

/** A folder with a baton.yaml (and other files) that is gone after the test. */
export function project(yaml: string, files: Readonly<Record<string, string>> = {}): string {
  const root = mkdtempSync(path.join(tmpdir(), 'baton-config-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [name, text] of Object.entries({ 'baton.yaml': yaml, ...files })) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), text);
  }
  return root;
}

/** A file that sets little and is valid. */
export const small = `version: 1
connections:
  coupa: {type: coupa, baseUrl: http://127.0.0.1:4100/coupa, auth: {clientSecret: secret://env/COUPA}}
  salesforce: {type: salesforce, baseUrl: http://127.0.0.1:4100/salesforce}
  rates: {type: frankfurter, baseUrl: http://127.0.0.1:4100/rates}
  zendesk: {type: zendesk, baseUrl: https://example.zendesk.com}
  slack: {type: slack, baseUrl: http://127.0.0.1:4100/slack}
pipelines:
  po_data_pipeline: {source: coupa, customers: salesforce, rates: rates, desk: zendesk}
`;
