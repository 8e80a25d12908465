import type { ConfigDocument } from './schema/index.js';

/** Where a value comes from: `baton config` and the reference page use these words. */
export type Origin = 'default' | 'file' | 'env' | 'local';

export type ConnectionConfig = ConfigDocument['connections'][string];
export type PipelineSettings = NonNullable<ConfigDocument['pipelines'][PipelineName]>;
type PipelineName = keyof ConfigDocument['pipelines'];
export type AlertTarget = ConfigDocument['alerts']['on_failure'][number];
export type DatabaseConfig = ConfigDocument['control'];
export type TemporalConfig = ConfigDocument['temporal'];

/** baton.yaml and the environment in one validated object. Holds references to secrets, never secrets. */
export interface BatonConfig extends Omit<ConfigDocument, 'gateway'> {
  /** Folder of baton.yaml; relative paths start here. */
  readonly root: string;
  /** baton.yaml itself. */
  readonly file: string;
  /** Folder of the local state: `.baton` beside baton.yaml, or BATON_HOME. */
  readonly home: string;
  readonly gateway: ConfigDocument['gateway'] & { readonly publicUrl: string };
  /** Dotted path of each setting to where its value comes from. */
  readonly origins: Readonly<Record<string, Origin>>;
}
