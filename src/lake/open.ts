import { createLocalLake } from './local.js';
import type { Lake } from './port.js';
import { createS3Lake, type S3LakeOptions } from './s3.js';
import { loadS3Sdk } from './s3-sdk.js';

/** Where the lake is, with its secrets in place; `lakePlace` of the configuration gives it. */
type LakePlace =
  | { readonly type: 'local'; readonly path: string }
  | ({ readonly type: 's3' } & S3LakeOptions);

/** Opens the lake; no request yet. Throws ERR_LAKE_DRIVER_MISSING. */
export async function openLake(place: LakePlace): Promise<Lake> {
  return place.type === 'local' ? createLocalLake(place.path) : createS3Lake(place, await loadS3Sdk());
}
