import type { BatonClient } from '../client/index.js';
import type { BatonConfig } from '../config/index.js';
import type { Database } from '../database/postgres.js';
import type { BatonError } from '../protocol/errors.js';
import type { CommandResult } from './render/result.js';
import type { Settings, Terminal, Variables } from './settings.js';

export interface OutStream extends Terminal {
  write(text: string): unknown;
}

export interface CommandLineIo {
  readonly stdout: OutStream;
  readonly stderr: OutStream;
  readonly env: Variables;
  readonly cwd: string;
}

/** What a command came to. With an error the result is still shown: a failed test shows what was tested. */
export interface Outcome {
  readonly result?: CommandResult;
  readonly error?: BatonError;
  /** When it is not what the error, or its absence, says. */
  readonly exitCode?: number;
}

export type Options = Readonly<Record<string, unknown>>;
export type Handler = (cli: Cli, args: readonly string[], options: Options) => Promise<Outcome>;

/**
 * What commands share: the settings, stderr, and services that are opened when first asked for and closed when
 * the command ends. Everything heavy is imported here, lazily.
 */
export class Cli {
  readonly io: CommandLineIo;
  readonly settings: Settings;
  readonly #closers: (() => Promise<unknown>)[] = [];
  #config: Promise<BatonConfig> | undefined;
  #client: Promise<BatonClient> | undefined;
  #control: Promise<Database> | undefined;
  #warehouse: Promise<Database> | undefined;

  constructor(io: CommandLineIo, settings: Settings) {
    this.io = io;
    this.settings = settings;
  }

  /** Progress, hints: stderr, unless --quiet. */
  note(line: string): void {
    if (!this.settings.quiet) this.io.stderr.write(`${line}\n`);
  }

  /** What is asked of whom: stderr, with --verbose. */
  verbose(line: string): void {
    if (this.settings.verbose || this.settings.debug) this.io.stderr.write(`${line}\n`);
  }

  config(): Promise<BatonConfig> {
    this.#config ??= this.#loadConfig();
    return this.#config;
  }

  client(): Promise<BatonClient> {
    this.#client ??= this.#connect();
    return this.#client;
  }

  control(): Promise<Database> {
    this.#control ??= this.#openControl();
    return this.#control;
  }

  warehouse(): Promise<Database> {
    this.#warehouse ??= this.#openWarehouse();
    return this.#warehouse;
  }

  /** Runs when the command ends, however it ends. */
  onClose(closer: () => Promise<unknown>): void {
    this.#closers.push(closer);
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#closers.map((closer) => closer()));
  }

  async #loadConfig(): Promise<BatonConfig> {
    const { loadConfig, openSecrets } = await import('../config/index.js');
    const config = loadConfig({ cwd: this.io.cwd, env: this.io.env });
    await openSecrets(config);
    this.verbose(`configuration  ${config.file}`);
    return config;
  }

  async #connect(): Promise<BatonClient> {
    const config = await this.config();
    const { BatonClient } = await import('../client/index.js');
    this.verbose(`temporal       ${config.temporal.address}, namespace ${config.temporal.namespace}`);
    const client = await BatonClient.connect({ config, connectTimeoutMs: 3_000 });
    this.onClose(() => client.close());
    return client;
  }

  async #openControl(): Promise<Database> {
    const config = await this.config();
    const { databaseUrl } = await import('../config/index.js');
    const { openControl } = await import('../control/database.js');
    this.verbose(`control        ${config.control.url}`);
    const url = databaseUrl(config.control, config);
    const control = openControl(url, { poolMax: 2, applicationName: 'baton-cli' });
    this.onClose(() => control.close());
    return control;
  }

  async #openWarehouse(): Promise<Database> {
    const config = await this.config();
    const { databaseUrl } = await import('../config/index.js');
    const { openWarehouseDatabase } = await import('../warehouse/postgres/index.js');
    this.verbose(`warehouse      ${config.warehouse.url}`);
    const url = databaseUrl(config.warehouse, config);
    const warehouse = openWarehouseDatabase(url, { poolMax: 2, applicationName: 'baton-cli' });
    this.onClose(() => warehouse.close());
    return warehouse;
  }
}
