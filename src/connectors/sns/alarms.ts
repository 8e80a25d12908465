import { type Alert, severityOf } from '../../domain/alert.js';
import { BatonError } from '../../protocol/errors.js';
import { firstOf, instantAt, textAt, valueAt } from '../hooks/content.js';
import { parseStrictJson } from '../strict-json.js';

/**
 * The alert in a message of CloudWatch: the alarm as JSON text, in a notification of SNS. An alarm has one state at a
 * time, and is told of where its actions for that state name the topic. One that lacks data is not well: it fires as a
 * warning. What is no alarm tells of nothing.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
 */
export function cloudWatchAlarms(content: unknown): Alert[] {
  const alarm = messageOf(content);
  const name = textAt(alarm, 'AlarmName');
  const state = textAt(alarm, 'NewStateValue');
  const at = instantAt(alarm, 'StateChangeTime');
  if (name === null || state === null || at === null) return [];
  const arn = textAt(alarm, 'AlarmArn');
  const dimensions = dimensionsOf(alarm);
  const labels = withoutNull({
    ...dimensions,
    namespace: textAt(alarm, 'Trigger', 'Namespace'),
    metric: textAt(alarm, 'Trigger', 'MetricName'),
    account: textAt(alarm, 'AWSAccountId'),
    region: textAt(alarm, 'Region'),
  });
  const lacksData = state === 'INSUFFICIENT_DATA';
  return [
    {
      fingerprint: arn ?? JSON.stringify([labels['account'], labels['region'], name]),
      status: state === 'OK' ? 'resolved' : 'firing',
      severity: lacksData ? 'warning' : severityOf(null),
      service: dimensions['ServiceName'] ?? Object.values(dimensions)[0] ?? null,
      name,
      title: [name, firstOf(textAt(alarm, 'NewStateReason'), textAt(alarm, 'AlarmDescription'))]
        .filter((text) => text !== null)
        .join(': '),
      labels,
      // What was before this state is not told: it is when the occurrence begins or ends.
      startsAt: at,
      at,
      url: arn === null ? null : consoleUrl(arn),
    },
  ];
}

/** Undefined for a message that is no JSON: anybody may publish to a topic. */
function messageOf(content: unknown): unknown {
  const message = valueAt(content, 'Message');
  if (typeof message !== 'string' || !message.trimStart().startsWith('{')) return undefined;
  try {
    return parseStrictJson(Buffer.from(message));
  } catch (error) {
    if (error instanceof BatonError) return undefined;
    throw error;
  }
}

/** `[{"name":"InstanceId","value":"i-1"}]`, in their order; none of a composite alarm, or of one of an expression. */
function dimensionsOf(alarm: unknown): Record<string, string> {
  const all = valueAt(alarm, 'Trigger', 'Dimensions');
  if (!Array.isArray(all)) return {};
  return Object.fromEntries(
    all.flatMap((one): [string, string][] => {
      const [name, value] = [textAt(one, 'name'), textAt(one, 'value')];
      return name === null || value === null ? [] : [[name, value]];
    }),
  );
}

function withoutNull(texts: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(texts).flatMap(([name, text]): [string, string][] =>
      text === null ? [] : [[name, text]],
    ),
  );
}

/** `arn:aws:cloudwatch:eu-west-1:123456789012:alarm:name` in the console; null in partitions that have another one. */
function consoleUrl(arn: string): string | null {
  const [, partition, , region, , , ...name] = arn.split(':');
  if (partition !== 'aws' || region === undefined || !/^[a-z0-9-]+$/.test(region)) return null;
  const alarm = encodeURIComponent(name.join(':'));
  return `https://${region}.console.aws.amazon.com/cloudwatch/home?region=${region}#alarmsV2:alarm/${alarm}`;
}
