import type { Secret } from '../domain/secret.js';
import { awsVariables } from './aws.js';
import { secretRefPattern } from './schema/values.js';
import { environmentOf, resolveSecret } from './secrets.js';
import type { BatonConfig } from './types.js';

/** Where the lake is, with its secrets in place: what the lake is opened with. */
export type LakePlace =
  | { readonly type: 'local'; readonly path: string }
  | {
      readonly type: 's3';
      readonly bucket: string;
      readonly prefix: string;
      readonly region: string;
      readonly endpoint: string | null;
      readonly forcePathStyle: boolean;
      readonly credentials: {
        readonly accessKeyId: string;
        readonly secretAccessKey: Secret;
        readonly sessionToken: Secret | null;
      } | null;
    };

type S3Place = Extract<LakePlace, { type: 's3' }>;

/**
 * The lake's place. What baton.yaml leaves out comes from the variables that AWS has made customary; what is not
 * there either, the AWS SDK finds by itself. Throws ERR_SECRET_UNRESOLVED.
 */
export function lakePlace(config: BatonConfig): LakePlace {
  const { lake } = config;
  if (lake.type === 'local' || lake.bucket === undefined) return { type: 'local', path: lake.path };
  return bucketPlace({ ...lake, bucket: lake.bucket }, config);
}

/** A bucket as baton.yaml names it. */
interface BucketSettings {
  readonly bucket: string;
  readonly prefix: string;
  readonly region?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly forcePathStyle: boolean;
  readonly auth?:
    | {
        readonly accessKeyId: string;
        readonly secretAccessKey: string;
        readonly sessionToken?: string | undefined;
      }
    | undefined;
}

/** The same of any bucket. */
export function bucketPlace(of: BucketSettings, config: BatonConfig): S3Place {
  const customary = awsVariables(environmentOf(config));
  return {
    type: 's3',
    bucket: of.bucket,
    prefix: of.prefix,
    region: of.region || customary.region || 'us-east-1',
    endpoint: of.endpoint || customary.endpoint('S3'),
    forcePathStyle: of.forcePathStyle,
    credentials: configured(of, config) ?? customary.keys,
  };
}

/** The queue of a bucket's notifications, asked with the lake's own keys. */
export interface NoticePlace {
  readonly url: string;
  readonly region: string;
  readonly credentials: S3Place['credentials'];
}

/** Null when no notifications are configured. Throws ERR_SECRET_UNRESOLVED. */
export function noticePlace(config: BatonConfig): NoticePlace | null {
  return noticesOf(lakePlace(config), config.lake.notifications?.queue);
}

/** The queue of the notifications of a place; null where there is none. */
export function noticesOf(place: LakePlace, queue: string | undefined): NoticePlace | null {
  if (place.type === 'local' || queue === undefined) return null;
  return { url: queue, region: place.region, credentials: place.credentials };
}

function configured({ auth }: BucketSettings, config: BatonConfig): S3Place['credentials'] {
  if (auth === undefined) return null;
  const { accessKeyId, secretAccessKey, sessionToken } = auth;
  const isReference = secretRefPattern.test(accessKeyId);
  return {
    accessKeyId: isReference ? resolveSecret(accessKeyId, config).reveal() : accessKeyId,
    secretAccessKey: resolveSecret(secretAccessKey, config),
    sessionToken: sessionToken === undefined ? null : resolveSecret(sessionToken, config),
  };
}
