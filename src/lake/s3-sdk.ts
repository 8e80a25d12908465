import { BatonError } from '../protocol/errors.js';

export type S3Sdk = Awaited<ReturnType<typeof loadS3Sdk>>;

/** The AWS SDK, which only those install whose lake is on S3. Throws ERR_LAKE_DRIVER_MISSING with the command. */
export async function loadS3Sdk() {
  try {
    const [s3, storage] = await Promise.all([import('@aws-sdk/client-s3'), import('@aws-sdk/lib-storage')]);
    return { ...s3, Upload: storage.Upload };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    throw new BatonError('ERR_LAKE_DRIVER_MISSING', {
      detail: 'The lake is on S3, and the packages that speak to it are not installed.',
      cause,
    });
  }
}
