import { defineSearchAttributeKey, type SearchAttributePair, SearchAttributeType } from '@temporalio/common';
import { searchAttributes, type Trigger } from './names.js';

/** What can be searched for in Temporal. Nothing personal or secret. */

export const pipelineKey = defineSearchAttributeKey(searchAttributes.pipeline, SearchAttributeType.KEYWORD);
export const tenantKey = defineSearchAttributeKey(searchAttributes.tenant, SearchAttributeType.KEYWORD);
export const triggerKey = defineSearchAttributeKey(searchAttributes.trigger, SearchAttributeType.KEYWORD);
export const logicalTimeKey = defineSearchAttributeKey(
  searchAttributes.logicalTime,
  SearchAttributeType.DATETIME,
);

export function runAttributes(run: {
  readonly pipeline: string;
  readonly tenant: string;
  readonly trigger: Trigger;
  readonly logicalTime: string | null;
}): SearchAttributePair[] {
  return [
    { key: pipelineKey, value: run.pipeline },
    { key: tenantKey, value: run.tenant },
    { key: triggerKey, value: run.trigger },
    ...(run.logicalTime === null ? [] : [{ key: logicalTimeKey, value: new Date(run.logicalTime) }]),
  ];
}
