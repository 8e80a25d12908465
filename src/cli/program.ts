import { Command, Option } from 'commander';
import type { Handler } from './context.js';
import { outputModes } from './settings.js';

/** Called with a command's handler when its words have been understood. */
export type Execute = (
  load: () => Promise<Handler>,
  args: readonly string[],
  options: Record<string, unknown>,
) => Promise<void>;

/** The tree of commands. Only names, words and flags are here; each handler is imported when it is called. */
export function buildProgram(execute: Execute): Command {
  const program = new Command('baton')
    .description('Moves purchase orders and support tickets, loses nothing, does nothing twice.')
    .helpCommand(false)
    .allowExcessArguments(false)
    .configureHelp({ showGlobalOptions: true })
    .addOption(
      new Option('-o, --output <mode>', 'how the result is printed').choices(outputModes).default('pretty'),
    )
    .option('--json', 'the same as -o json')
    .option('-q, --quiet', 'only the result and errors')
    .option('-v, --verbose', 'say what is asked of whom')
    .option('--debug', 'stack traces of errors')
    .option('--no-color', 'no colours (also NO_COLOR)')
    .option('--non-interactive', 'never redraw the terminal (also CI)')
    .option('--timeout <duration>', 'wait no longer than this: 30s, 5m')
    .option('--limit <n>', 'at most so many rows (20)')
    .option('-V, --version', 'the version');

  const add = (
    parent: Command,
    usage: string,
    summary: string,
    load: () => Promise<Handler>,
    configure: (command: Command) => Command = (command) => command,
  ): Command => {
    const command = configure(parent.command(usage).description(summary).allowExcessArguments(false));
    return command.action(() => execute(load, command.args, command.optsWithGlobals()));
  };
  const group = (name: string, alias: string | null, summary: string): Command => {
    const command = program.command(name).description(summary).helpCommand(false);
    return alias === null ? command : command.alias(alias);
  };

  add(
    program,
    'dev',
    'everything on this machine: Temporal, databases, sandboxes, workers, gateway',
    async () => (await import('./commands/dev.js')).dev,
    (command) => command.option('--once', 'run the pipeline once, print its result as JSON, and stop'),
  );
  add(
    program,
    'doctor',
    'check that everything Baton needs is there; each ✗ has its fix',
    async () => (await import('./commands/doctor.js')).doctor,
  );
  add(
    program,
    'run <pipeline>',
    'start a pipeline',
    async () => (await import('./commands/run.js')).run,
    (command) =>
      command
        .option('--wait', 'show the steps and wait for the end')
        .option('--logical-date <time>', 'the time that names the run; now when not given')
        .option('--full-refresh', 'read everything again, not only what changed')
        .option(
          '-i, --input <key=value>',
          'a setting of the pipeline for this run only, such as threshold=5000; may be repeated; `baton help inputs` lists them',
          collect,
          [],
        )
        .option('--tenant <name>', 'whose data', 'default')
        .option('--tenants <names>', 'all, or several with commas: a run for each, a few at once')
        .option('--max-parallel <n>', 'with --tenants: so many at once; as baton.yaml says when not given'),
  );

  add(
    program,
    'complete',
    'compare what a vendor lists with lake and warehouse, and read again only what differs',
    async () => (await import('./commands/complete.js')).complete,
    (command) =>
      command
        .requiredOption('--connection <name>', 'the vendor')
        .option('--since <duration>', 'what changed so far back: 7d, 12h, or all', '7d')
        .option('--tenant <name>', 'whose data', 'default'),
  );

  add(
    program,
    'sweep',
    'look for what a vendor does not have any more, and mark its rows as deleted',
    async () => (await import('./commands/sweep.js')).sweep,
    (command) =>
      command
        .requiredOption('--connection <name>', 'the vendor')
        .option('--max-share <percent>', 'mark nothing when more of a table than this would vanish', '5')
        .option('--max-calls <n>', 'the most calls that listing and asking may take', '1000')
        .option('--tenant <name>', 'whose data', 'default'),
  );

  const runs = group('runs', null, 'runs of pipelines');
  add(
    runs,
    'list',
    'newest first',
    async () => (await import('./commands/runs.js')).listRuns,
    (command) =>
      command
        .option('--pipeline <name>', 'only of this pipeline')
        .option('--state <state>', 'only in this state'),
  );
  add(
    runs,
    'show <run>',
    'steps, receipt, tickets and error of a run',
    async () => (await import('./commands/runs.js')).showRun,
  );
  add(
    runs,
    'watch <run>',
    'the steps as they go, until the run ends',
    async () => (await import('./commands/runs.js')).watchRun,
    (command) => command.option('--exit-status', 'exit with 1 when the run failed'),
  );
  add(
    runs,
    'verify <run>',
    'recompute the receipt from lake and warehouse',
    async () => (await import('./commands/verify.js')).verifyRun,
  );
  add(
    runs,
    'retry <run>',
    'run again what failed; finished steps, and tenants that succeeded, stay as they are',
    async () => (await import('./commands/retry.js')).retryRun,
    (command) => command.option('--wait', 'show the steps and wait for the end'),
  );
  add(
    runs,
    'cancel <run>',
    'ask a run to stop; what is loaded stays loaded',
    async () => (await import('./commands/runs.js')).cancelRun,
  );

  const backfill = group('backfill', null, 'a pipeline for every interval of a range, a few at once');
  add(
    backfill,
    'create <pipeline>',
    'run it for each interval from the first day to the last; live runs go first',
    async () => (await import('./commands/backfill-create.js')).createBackfill,
    (command) =>
      command
        .requiredOption(
          '--from-date <time>',
          'where the first interval begins: 2026-01-31, or with a time and zone',
        )
        .requiredOption('--to-date <time>', 'where the last one begins')
        .option('--interval <duration>', 'how long each is', '1d')
        .option(
          '--reprocess-behavior <which>',
          'intervals that have a run: none = skip, failed = also those that failed, completed = all again',
          'none',
        )
        .option('--max-active-runs <n>', 'so many at once', '4')
        .option('--run-backwards', 'the newest interval first')
        .option('--dry-run', 'only say which intervals, and estimate rows, calls and minutes')
        .option('-i, --input <key=value>', 'as of `baton run`', collect, [])
        .option('--tenant <name>', 'whose data', 'default'),
  );
  add(
    backfill,
    'list',
    'newest first, with how far each is',
    async () => (await import('./commands/backfill.js')).listBackfills,
  );
  add(
    backfill,
    'show <backfill>',
    'what runs, and what failed and why',
    async () => (await import('./commands/backfill.js')).showBackfill,
  );
  add(
    backfill,
    'pause <backfill>',
    'start no more intervals',
    async () => (await import('./commands/backfill.js')).pauseBackfill,
  );
  add(
    backfill,
    'resume <backfill>',
    'go on with one that is paused',
    async () => (await import('./commands/backfill.js')).resumeBackfill,
  );
  add(
    backfill,
    'cancel <backfill>',
    'start no more, and stop what runs',
    async () => (await import('./commands/backfill.js')).cancelBackfill,
    (command) => command.option('--leave-running', 'let the runs under way finish'),
  );

  const connections = group('connections', 'connection', 'outside systems');
  add(
    connections,
    'list',
    'connections of the configuration',
    async () => (await import('./commands/connections.js')).listConnections,
  );
  add(
    connections,
    'test [name]',
    'name, TLS, credentials, permissions, a sample and the clock',
    async () => (await import('./commands/connections.js')).testConnections,
  );

  const alerts = group('alerts', 'alert', 'messages to people');
  add(
    alerts,
    'send [connection]',
    'a test message to whoever is told of runs and incidents, or by one connection',
    async () => (await import('./commands/alerts.js')).sendTestAlerts,
    (command) =>
      command
        .option('--channel <channel>', 'where, instead of what baton.yaml says')
        .option('--dry-run', 'only print what would be sent, secrets masked'),
  );

  const connectors = group('connectors', 'connector', 'systems that connections can be of');
  add(
    connectors,
    'list',
    'what each can do, how that was verified, what it guarantees and what it needs',
    async () => (await import('./commands/connectors.js')).listConnectors,
  );
  add(
    connectors,
    'new <name>',
    'in a checkout of Baton: a connector that works, its sandbox and its test, to be made one of a real system',
    async () => (await import('./commands/connector-new.js')).newConnector,
    (command) => command.option('--system <name>', 'what the system calls itself; the name when not given'),
  );

  const quarantine = group('quarantine', null, 'records that failed a rule');
  add(
    quarantine,
    'list',
    'newest first',
    async () => (await import('./commands/quarantine.js')).listQuarantine,
    (command) =>
      command
        .option('--run <run>', 'only of this run')
        .option('--rule <rule>', 'only those that failed this rule')
        .option('--state <state>', 'waiting, superseded or all', 'waiting'),
  );
  add(
    quarantine,
    'show <id>',
    'one record: each rule, and the raw bytes',
    async () => (await import('./commands/quarantine.js')).showQuarantine,
  );

  const effects = group('effects', 'effect', 'what was written at outside systems');
  add(
    effects,
    'list',
    'newest first, with how certain each is',
    async () => (await import('./commands/effects.js')).listEffects,
    (command) =>
      command.option('--run <run>', 'only of this run').option('--state <state>', 'only in this state'),
  );

  const events = group('events', 'event', 'what came in through webhooks, and what became of it');
  const chosen = (command: Command): Command =>
    command
      .option('--connection <name>', 'only of this connection')
      .option('--type <type>', 'only of this type')
      .option('--state <state>', 'only in this state');
  add(
    events,
    'list',
    'newest first, each with its state and by what or why',
    async () => (await import('./commands/events.js')).listEvents,
    chosen,
  );
  add(
    events,
    'show <event>',
    'one event: what became of it, where it is in the lake, its bytes',
    async () => (await import('./commands/events.js')).showEvent,
  );
  add(
    events,
    'replay <event>',
    'hand one out again, as the rules are today',
    async () => (await import('./commands/events.js')).replayEvent,
  );
  add(
    events,
    'tail',
    'events as they come, a line each',
    async () => (await import('./commands/events.js')).tailEvents,
    chosen,
  );

  const incidents = group('incidents', 'incident', 'what alerts have become, and why');
  add(
    incidents,
    'list',
    'newest first',
    async () => (await import('./commands/incidents.js')).listIncidents,
    (command) => command.option('--state <state>', 'open or resolved'),
  );
  add(
    incidents,
    'show <incident>',
    'its alerts, what was told of it, and how each alert was decided',
    async () => (await import('./commands/incidents.js')).showIncident,
  );

  add(
    incidents,
    'ack <incident>',
    'takes it up: whoever was told of it hears so, and nobody else is told',
    async () => (await import('./commands/incidents.js')).acknowledgeIncident,
    (command) => command.option('--note <text>', 'what is being done'),
  );

  const approvals = group('approvals', 'approval', 'orders that wait for a person, and what came of them');
  add(
    approvals,
    'list',
    'those that wait, longest first',
    async () => (await import('./commands/approvals.js')).listApprovals,
    (command) =>
      command
        .option('--all', 'the others too, newest first')
        .option(
          '--state <state>',
          'waiting, running, compensating, fulfilled, rejected, compensated or stuck',
        ),
  );
  add(
    approvals,
    'show <id>',
    'how it stands, what was done of it, and what was taken back',
    async () => (await import('./commands/approvals.js')).showApproval,
  );
  add(
    approvals,
    'approve <id>',
    'have it done',
    async () => (await import('./commands/approvals.js')).approve,
    (command) => command.option('--note <text>', 'why'),
  );
  add(
    approvals,
    'reject <id>',
    'have nothing done',
    async () => (await import('./commands/approvals.js')).reject,
    (command) => command.option('--note <text>', 'why'),
  );

  const changes = group('changes', null, 'databases whose changes are followed');
  add(
    changes,
    'list',
    'how far each is, and what it lags behind',
    async () => (await import('./commands/changes.js')).listChanges,
  );
  add(
    changes,
    'restart <connection>',
    'read all of its tables once more, and go on from there',
    async () => (await import('./commands/changes.js')).restartChanges,
    (command) => command.option('-y, --yes', 'do not ask'),
  );

  const files = group('files', 'file', 'files that others put somewhere, and what became of them');
  add(
    files,
    'list',
    'newest first',
    async () => (await import('./commands/files.js')).listFiles,
    (command) => command.option('--state <state>', 'waiting, landed, loaded, done, gone or dead'),
  );
  add(
    files,
    'show <file>',
    'what became of it, and where its records, its batch and its enriched copy are',
    async () => (await import('./commands/files.js')).showFile,
  );

  const dlq = group('dlq', null, 'what was given up, and waits for a person');
  add(
    dlq,
    'list',
    'longest first: effects that were refused, events that kept failing, objects that could not be loaded, files that cannot be read',
    async () => (await import('./commands/dlq.js')).listLetters,
    (command) => command.option('--kind <kind>', 'effect, event, object or file'),
  );
  add(
    dlq,
    'show <letter>',
    'one of them: what it is, and why it was given up',
    async () => (await import('./commands/dlq.js')).showLetter,
  );
  add(
    dlq,
    'replay <letter>',
    'do it once more, with today’s code and configuration',
    async () => (await import('./commands/dlq.js')).replayLetter,
  );
  add(
    dlq,
    'discard <letter>',
    'put it away: it is never done; asks',
    async () => (await import('./commands/dlq.js')).discardLetter,
    (command) => command.option('-y, --yes', 'do not ask'),
  );

  const lake = group('lake', null, 'what arrives in the lake and is loaded by itself');
  add(
    lake,
    'list',
    'batches and objects, newest first: waiting, loaded by which load, or refused and why',
    async () => (await import('./commands/lake.js')).listArrivals,
    (command) => command.option('--state <state>', 'waiting, loaded or refused'),
  );

  const watermarks = group('watermarks', 'watermark', 'up to when each stream is loaded');
  const ofTenant = (command: Command): Command => command.option('--tenant <name>', 'whose', 'default');
  add(
    watermarks,
    'list',
    'each stream’s, and who moved it',
    async () => (await import('./commands/watermarks.js')).listWatermarks,
  );
  add(
    watermarks,
    'show <connection> <stream>',
    'one, what the next run will read, and when people set it',
    async () => (await import('./commands/watermarks.js')).showWatermark,
    ofTenant,
  );
  add(
    watermarks,
    'set <connection> <stream> <time>',
    'set it: an RFC 3339 time, or none to begin anew; asks first',
    async () => (await import('./commands/watermarks.js')).setWatermark,
    (command) =>
      ofTenant(command)
        .option('--expect <time>', 'only when it is this now, or none')
        .option('-y, --yes', 'do not ask'),
  );

  const data = group('data', null, 'what is loaded, and what became of the vendors’ fields');
  add(
    data,
    'schema <table>',
    'every field that records of a table were seen to have, and where its values are',
    async () => (await import('./commands/data.js')).showSchema,
  );
  add(
    data,
    'changes [table]',
    'new, changed and removed fields, newest first, and what the contract made of them',
    async () => (await import('./commands/data.js')).listChanges,
  );

  add(
    program,
    'rebuild',
    'the warehouse from the lake alone: what is missing of it, in the order in which it came',
    async () => (await import('./commands/rebuild.js')).rebuild,
    (command) =>
      command
        .option('--dry-run', 'only say what the lake holds, and the checksums of the tables now')
        .option('--expect <file>', 'compare the checksums with an earlier --json of this command')
        .option('--ledger', 'look for our tickets at the desks also where the control database was not lost')
        .option('--allow-destructive', 'empty the tables first; asks')
        .option('-y, --yes', 'do not ask'),
  );

  const retention = group('retention', null, 'what is kept, and for how long');
  add(
    retention,
    'sweep',
    'remove what is past its time and needed no more, as the workers do every hour',
    async () => (await import('./commands/retention.js')).sweepRetained,
    (command) => command.option('--dry-run', 'only say what would be removed, and what is kept and why'),
  );

  const schedules = group('schedules', 'schedule', 'when pipelines run by themselves');
  const scheduled = (command: Command): Command => command.option('--tenant <name>', 'whose', 'default');
  add(
    schedules,
    'list',
    'next and last start of each',
    async () => (await import('./commands/schedules.js')).listSchedules,
  );
  add(
    schedules,
    'apply',
    'create those of baton.yaml, or bring them up to date',
    async () => (await import('./commands/schedules.js')).applySchedules,
  );
  add(
    schedules,
    'pause <pipeline>',
    'start no more runs',
    async () => (await import('./commands/schedules.js')).pauseSchedule,
    (command) => scheduled(command).option('--note <text>', 'why'),
  );
  add(
    schedules,
    'resume <pipeline>',
    'start runs again',
    async () => (await import('./commands/schedules.js')).resumeSchedule,
    scheduled,
  );
  add(
    schedules,
    'trigger <pipeline>',
    'start a run now, as the schedule would',
    async () => (await import('./commands/schedules.js')).triggerSchedule,
    scheduled,
  );

  add(
    program,
    'help [topic...]',
    'help on a command, an error code (BTN-2005), inputs or exit-codes',
    async () => (await import('./commands/help.js')).help,
  );
  return program;
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
