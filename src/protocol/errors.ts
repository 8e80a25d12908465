/**
 * The error catalogue. Every failure that a user can meet has one entry here: a stable code, what it means,
 * why it happens, how to mend it, and whether trying again can help. Free of zod and Node, because workflows
 * import it by value.
 *
 * Ranges: 1xxx configuration and command line, 2xxx outside systems, 3xxx lake, 4xxx warehouse and control
 * database, 5xxx runs, 6xxx events, 7xxx local stack, 8xxx gateway, 9xxx internal.
 */
export interface ErrorSpec {
  readonly code: `BTN-${number}`;
  readonly title: string;
  readonly why: string;
  readonly fix: string;
  readonly retryable: boolean;
}

export const catalogue = {
  ERR_CONFIG_INVALID: {
    code: 'BTN-1001',
    title: 'The configuration is not valid',
    why: 'baton.yaml, or an environment variable that overrides it, holds a value that Baton does not accept.',
    fix: 'Correct each place named; `baton doctor` checks the file again.',
    retryable: false,
  },
  ERR_CONFIG_MISSING: {
    code: 'BTN-1002',
    title: 'No configuration was found',
    why: 'Baton looks for baton.yaml in the working directory and its parents, or where BATON_CONFIG points.',
    fix: 'Run the command inside the project, or set BATON_CONFIG to the file.',
    retryable: false,
  },
  ERR_SECRET_UNRESOLVED: {
    code: 'BTN-1003',
    title: 'A secret could not be resolved',
    why: 'The reference names an environment variable, a file, or a secret of a vault that is not there for this process.',
    fix: 'Set the variable or create the file for the worker, or correct the secret:// reference.',
    retryable: false,
  },
  ERR_VAULT_UNAVAILABLE: {
    code: 'BTN-1008',
    title: 'A vault could not be asked for a secret',
    why: 'The vault is down, sealed, overloaded or not reachable from this process, and what was read of it before is too old.',
    fix: 'See why it does not answer; Baton asks it again by itself. docs/how-to/vaults.md',
    retryable: true,
  },
  ERR_USAGE: {
    code: 'BTN-1004',
    title: 'The command was not understood',
    why: 'A command, flag or value is unknown or missing.',
    fix: 'See `baton --help` or `baton <command> --help`.',
    retryable: false,
  },
  ERR_UNKNOWN_NAME: {
    code: 'BTN-1005',
    title: 'There is nothing of that name',
    why: 'The pipeline, run, connection or code that was named does not exist here.',
    fix: 'List what exists with the matching `list` command.',
    retryable: false,
  },
  ERR_PLAN_INVALID: {
    code: 'BTN-1006',
    title: 'The pipeline is not valid',
    why: 'A step refers to something that does not exist, or the steps form a cycle.',
    fix: 'Correct the pipeline definition at the place named.',
    retryable: false,
  },
  ERR_INPUT_INVALID: {
    code: 'BTN-1007',
    title: 'An input of the run is not accepted',
    why: 'It names no setting that a run may have otherwise than the configuration, or its value is not acceptable.',
    fix: 'See what there is with `baton help inputs`, correct it and start the run again: this one did nothing.',
    retryable: false,
  },

  ERR_SOURCE_UNREACHABLE: {
    code: 'BTN-2001',
    title: 'The outside system could not be reached',
    why: 'No connection could be made: name not found, refused, reset, TLS failure, or no answer in time.',
    fix: 'Check baseUrl and the network; `baton connections test <name>` shows the first failing step.',
    retryable: true,
  },
  ERR_SOURCE_TIMEOUT: {
    code: 'BTN-2002',
    title: 'The outside system did not answer in time',
    why: 'The request was sent but no complete answer came before the deadline.',
    fix: 'Baton retries by itself; raise limits.timeoutMs of the connection if the vendor is always slow.',
    retryable: true,
  },
  ERR_SOURCE_RATE_LIMITED: {
    code: 'BTN-2003',
    title: 'The outside system asked us to slow down',
    why: 'It answered 429, so the account has used up its quota for the moment.',
    fix: 'Baton waits as long as the vendor asks; lower limits.requestsPerSecond if it happens often.',
    retryable: true,
  },
  ERR_SOURCE_UNAVAILABLE: {
    code: 'BTN-2004',
    title: 'The outside system failed',
    why: 'It answered with a 5xx status.',
    fix: 'Baton retries by itself; look at the vendor’s status page if it lasts.',
    retryable: true,
  },
  ERR_SOURCE_AUTH: {
    code: 'BTN-2005',
    title: 'The outside system refused our credentials',
    why: 'The client id, secret or token is wrong, expired or revoked.',
    fix: 'Renew the secret that the connection refers to, then `baton connections test <name>`.',
    retryable: false,
  },
  ERR_SOURCE_FORBIDDEN: {
    code: 'BTN-2006',
    title: 'The credentials are valid but lack a permission',
    why: 'The vendor accepted who we are and refused what we asked for (a missing scope or role).',
    fix: 'Grant the scope or role that is named to the client in the vendor’s administration.',
    retryable: false,
  },
  ERR_SOURCE_BAD_RESPONSE: {
    code: 'BTN-2007',
    title: 'The outside system sent something that is not its documented answer',
    why: 'The body was empty, cut off, not JSON, or of another shape: often a proxy or a maintenance page.',
    fix: 'Nothing of this page was written. Baton retries; if it lasts, open baseUrl in a browser.',
    retryable: true,
  },
  ERR_SOURCE_BAD_REQUEST: {
    code: 'BTN-2008',
    title: 'The outside system refused the request',
    why: 'It answered with a 4xx status that trying again cannot mend.',
    fix: 'Read the vendor’s words above; a field or filter is probably not allowed on this instance.',
    retryable: false,
  },
  ERR_CURSOR_INVALID: {
    code: 'BTN-2009',
    title: 'The cursor to resume from is not valid',
    why: 'The stored position is unreadable, lies in the future, or the vendor no longer knows it.',
    fix: 'Nothing was written. Run again with --full-refresh to start over from the beginning.',
    retryable: false,
  },
  ERR_CURSOR_ENDLESS: {
    code: 'BTN-2010',
    title: 'The outside system’s pages do not end',
    why: 'It handed out a cursor that it had handed out before, so paging would never finish.',
    fix: 'What was read is kept. Report it to the vendor; run again when it is mended.',
    retryable: false,
  },
  ERR_CONNECTION_TYPE_UNKNOWN: {
    code: 'BTN-2011',
    title: 'There is no connector of this type',
    why: 'The connection’s `type` names no connector that this build has.',
    fix: 'Use one of the connector types that are listed in docs/reference/connectors.md.',
    retryable: false,
  },
  ERR_CONNECTION_TEST_FAILED: {
    code: 'BTN-2012',
    title: 'A connection did not pass its test',
    why: 'The first failing step is named: secret of a vault, host name, TLS, credentials, permission, sample read or clock.',
    fix: 'Mend what the step names, then `baton connections test <name>`.',
    retryable: false,
  },
  ERR_SOURCE_FOREIGN_URL: {
    code: 'BTN-2020',
    title: 'The outside system pointed to another address',
    why: 'The address of the next page lies outside the connection’s baseUrl. Our credentials would go there with the request.',
    fix: 'If the vendor has moved, or answers with an address of its own network, correct baseUrl of the connection.',
    retryable: false,
  },
  ERR_SOURCE_NOT_READY: {
    code: 'BTN-2022',
    title: 'The outside system is still preparing what was asked for',
    why: 'It works on our request as a job of its own, which is not complete yet.',
    fix: 'Nothing to do: Baton asks again and goes on with the same job. It holds no slot meanwhile.',
    retryable: true,
  },
  ERR_SOURCE_JOB_FAILED: {
    code: 'BTN-2023',
    title: 'The outside system ended a job of ours without a result',
    why: 'What was asked for is more than it gives, or it failed at it each time that it was asked.',
    fix: 'See what it says of the job, and start a new run: it asks anew from the last watermark, so that nothing is missing.',
    retryable: false,
  },
  ERR_SYNC_FAILED: {
    code: 'BTN-2024',
    title: 'The sync of an ingest service failed',
    why: 'The service ended it without success, or cannot start it; its own words are in the detail.',
    fix: 'Mend it at the service, then: baton runs retry <run>',
    retryable: false,
  },
  ERR_SYNC_LATE: {
    code: 'BTN-2025',
    title: 'A sync takes longer than it may',
    why: 'It had not ended within its timeout. It was not stopped.',
    fix: 'See at the service what it does. Then give it a longer timeout, or retry when it has ended: baton runs retry <run>',
    retryable: false,
  },
  ERR_SOURCE_UNSTABLE: {
    code: 'BTN-2021',
    title: 'The list changes faster than it can be read',
    why: 'Pages are counted, and of the records that were read none is found again, so that it cannot be told which were left out.',
    fix: 'Read the list by key, cursor or next link where the vendor offers one, or sort it by key.',
    retryable: false,
  },

  ERR_BUDGET_SPENT: {
    code: 'BTN-2030',
    title: 'The connection’s request budget is used up for the moment',
    why: 'All workers together may send so many requests; more wait, live work before repair before backfill.',
    fix: 'Nothing to do: it goes on by itself, and no retry is used up. Raise the connection’s limits if the vendor allows more.',
    retryable: true,
  },
  ERR_BREAKER_OPEN: {
    code: 'BTN-2031',
    title: 'The outside system is down, so requests to it are held back',
    why: 'It failed several times in a row; one request at a time looks whether it is back.',
    fix: 'Nothing to do: what waits goes on when it is back, and no retry is used up. `baton connections list` shows the state.',
    retryable: true,
  },

  ERR_LAKE_UNAVAILABLE: {
    code: 'BTN-3001',
    title: 'The lake could not be read or written',
    why: 'The storage failed: disk full, not reachable, or too busy to answer.',
    fix: 'Free space or bring the lake’s storage back; Baton retries by itself and resumes.',
    retryable: true,
  },
  ERR_LAKE_OBJECT_CHANGED: {
    code: 'BTN-3002',
    title: 'A lake object is not what was written',
    why: 'Its sha256 differs from the one recorded when it was landed, or it is gone.',
    fix: 'Restore the object named from a backup, or extract its window again with --full-refresh.',
    retryable: false,
  },
  ERR_LAKE_FORBIDDEN: {
    code: 'BTN-3010',
    title: 'The lake refused us',
    why: 'The credentials are wrong, expired or lack a permission, or the bucket or folder is not ours to use.',
    fix: 'Mend what the lake’s own word for it names, then `baton doctor`; docs/how-to/lake-on-s3.md lists the permissions.',
    retryable: false,
  },
  ERR_LAKE_DRIVER_MISSING: {
    code: 'BTN-3011',
    title: 'The packages for a lake on S3 are not installed',
    why: 'Only installations whose lake is on S3 need them, so they do not come with Baton.',
    fix: 'npm install @aws-sdk/client-s3@3 @aws-sdk/lib-storage@3',
    retryable: false,
  },
  ERR_LAKE_OBJECT_UNREADABLE: {
    code: 'BTN-3013',
    title: 'An object in the lake is no object of records',
    why: 'What somebody put there is cut off, no gzip, no UTF-8, or not one JSON object a line, or it was replaced before it was loaded.',
    fix: 'Put it there again, whole; nothing of it was loaded, and what came after it was.',
    retryable: false,
  },
  ERR_LAKE_UNSUITABLE: {
    code: 'BTN-3012',
    title: 'The store cannot be a lake',
    why: 'It does not keep what Baton relies on: conditional writes (If-None-Match: *) and consistent listings.',
    fix: 'Use a store that does, such as AWS S3, MinIO, Ceph RGW or SeaweedFS in a recent version.',
    retryable: false,
  },
  ERR_NOTICES_REFUSED: {
    code: 'BTN-3030',
    title: 'The queue of the lake’s notifications refused us',
    why: 'There is no such queue (any more), or the credentials are wrong or lack a permission for it.',
    fix: 'Correct lake.notifications.queue, or allow sqs:ReceiveMessage, sqs:DeleteMessage and sqs:GetQueueAttributes; it is tried again every minute. Until then new objects are found every lake.poll.',
    retryable: false,
  },
  ERR_NOTICES_UNAVAILABLE: {
    code: 'BTN-3031',
    title: 'The queue of the lake’s notifications does not answer',
    why: 'SQS is not reachable from here, or too busy.',
    fix: 'Nothing: it is tried again by itself, at most a minute apart. Until then new objects are found every lake.poll.',
    retryable: true,
  },
  ERR_NOTICE_UNREADABLE: {
    code: 'BTN-3032',
    title: 'A notification cannot be understood',
    why: 'Something else than the lake’s bucket sends to this queue, or what it sends is cut off.',
    fix: 'Give the notifications a queue of their own. With a dead-letter queue such messages are kept there to be looked at, else they are removed; no object is missed.',
    retryable: false,
  },

  ERR_WATERMARK_MOVED: {
    code: 'BTN-3020',
    title: 'The watermark has moved meanwhile',
    why: 'A run, or another person, changed it after it was read: setting it now would undo that unseen.',
    fix: 'Look again with `baton watermarks show`, and set it from there.',
    retryable: false,
  },
  ERR_REBUILD_UNKNOWN: {
    code: 'BTN-3021',
    title: 'A batch of the lake cannot be loaded again',
    why: 'Neither its manifest (of an earlier build) nor a pipeline of baton.yaml says which table its stream goes to.',
    fix: 'Put the pipeline and the connection that read it back into baton.yaml, then rebuild again: it goes on.',
    retryable: false,
  },
  ERR_REBUILD_DIFFERS: {
    code: 'BTN-3022',
    title: 'The rebuilt warehouse is not what it was',
    why: 'The checksum of a table differs from the one that was given: rows were changed by hand before, or a mapper or a setting is another one since.',
    fix: 'The tables are named above; `baton runs verify` names rows. Nothing needs to be undone.',
    retryable: false,
  },
  ERR_INCOMPLETE: {
    code: 'BTN-3023',
    title: 'Records are still lacking',
    why: 'The vendor lists them, or the lake has lost them, and asking the vendor for them by their ids did not bring them.',
    fix: 'Run it again: what changed meanwhile settles by itself. If it stays, the vendor lists records that it does not give out; `runs show` of the run that is named tells the counts.',
    retryable: false,
  },
  ERR_SWEEP_TOO_MANY: {
    code: 'BTN-3024',
    title: 'Too many records would be taken for deleted',
    why: 'The vendor lists far fewer records than the warehouse holds: a permission or a filter of the account may have changed, or it answers wrongly.',
    fix: 'Nothing was marked. Look at the vendor whether they are gone; if so, sweep again with a larger --max-share.',
    retryable: false,
  },
  ERR_SWEEP_BUDGET: {
    code: 'BTN-3025',
    title: 'The sweep needs more calls than it may take',
    why: 'The ids to list, or those to ask for one by one, are more than --max-calls allows.',
    fix: 'Sweep again with a larger --max-calls, when the vendor has quota to spare. What was confirmed is marked already.',
    retryable: false,
  },

  ERR_WAREHOUSE_UNAVAILABLE: {
    code: 'BTN-4001',
    title: 'The warehouse could not be reached',
    why: 'The connection failed or broke off.',
    fix: 'Baton retries by itself and loads nothing twice; check warehouse.url and the server.',
    retryable: true,
  },
  ERR_WAREHOUSE_REFUSED: {
    code: 'BTN-4002',
    title: 'The warehouse refused a statement',
    why: 'A permission is missing, or the table is not as Baton made it.',
    fix: 'Grant the permission or mend the table named; then run again.',
    retryable: false,
  },
  ERR_BATCH_TAKEN: {
    code: 'BTN-4003',
    title: 'This batch was already loaded or taken over',
    why: 'Another worker loaded it while this one was away.',
    fix: 'Nothing to do: the stored result stands.',
    retryable: false,
  },
  ERR_STAGING_LOST: {
    code: 'BTN-4004',
    title: 'The staging table does not hold what was staged',
    why: 'The warehouse restarted: unlogged tables are empty after a crash.',
    fix: 'Nothing to do: Baton stages again from the lake.',
    retryable: true,
  },
  ERR_CONTROL_UNAVAILABLE: {
    code: 'BTN-4005',
    title: 'The control database could not be reached',
    why: 'The connection failed or broke off.',
    fix: 'Baton retries by itself; check control.url and the server.',
    retryable: true,
  },
  ERR_CONTROL_REFUSED: {
    code: 'BTN-4007',
    title: 'The control database refused a statement',
    why: 'A permission is missing, or the schema is not as this Baton made it.',
    fix: 'Grant the permission; a worker brings the schema up to date when it starts.',
    retryable: false,
  },
  ERR_MIGRATION_FAILED: {
    code: 'BTN-4006',
    title: 'The control database could not be brought up to date',
    why: 'A migration failed, or the database was made by a newer Baton.',
    fix: 'Read the cause; restore the database, or use the newer Baton.',
    retryable: false,
  },
  ERR_TABLE_SHAPE: {
    code: 'BTN-4010',
    title: 'The table was made for another way of loading',
    why: 'Its write disposition was changed, and the rows that it holds have another key than the new one needs.',
    fix: 'Set the disposition back; or rename or drop the table and run with --full-refresh.',
    retryable: false,
  },
  ERR_SCHEMA_FROZEN: {
    code: 'BTN-4011',
    title: 'The vendor’s records have changed, and the table is frozen',
    why: 'Its contract is freeze: a field or a type that was not there before stops the load. What was read is in the lake.',
    fix: 'See `baton data changes`; set the field or the table to evolve, discard_row or discard_value under pipelines.<id>.tables; then run again.',
    retryable: false,
  },

  ERR_RUN_NOT_FOUND: {
    code: 'BTN-5001',
    title: 'There is no such run',
    why: 'No run has this id or prefix.',
    fix: 'See `baton runs list`.',
    retryable: false,
  },
  ERR_RUN_FAILED: {
    code: 'BTN-5002',
    title: 'The run failed',
    why: 'A step failed for good; its own error says why.',
    fix: 'See `baton runs show <id>`; mend the cause and run again: what is done is not done twice.',
    retryable: false,
  },
  ERR_RUN_TAKEN: {
    code: 'BTN-5003',
    title: 'This logical time already has a run',
    why: 'One logical time is one run; another one claimed it first.',
    fix: 'See `baton runs list`; choose another --logical-date to run again.',
    retryable: false,
  },
  ERR_TEMPORAL_UNAVAILABLE: {
    code: 'BTN-5004',
    title: 'Temporal could not be reached',
    why: 'No Temporal server answers at the configured address.',
    fix: 'Start the local stack with `npm start`, or check temporal.address.',
    retryable: true,
  },
  ERR_VERIFY_DIFFERS: {
    code: 'BTN-5005',
    title: 'The run’s receipt does not hold any more',
    why: 'A lake object or a warehouse row was changed or removed since the run.',
    fix: 'Each difference is named above; load the window again, or restore what was changed.',
    retryable: false,
  },
  ERR_TEMPORAL_REFUSED: {
    code: 'BTN-5006',
    title: 'Temporal refused us',
    why: 'The API key or certificate is missing, wrong or lacks the permission, or the namespace does not exist.',
    fix: 'Check temporal.namespace, temporal.apiKey and temporal.tls.',
    retryable: false,
  },
  ERR_WAIT_TIMEOUT: {
    code: 'BTN-5007',
    title: 'The time to wait ran out',
    why: 'The run takes longer than --timeout allows; it goes on by itself.',
    fix: 'See it with `baton runs watch <id>`, or wait longer with --timeout.',
    retryable: true,
  },

  ERR_WORKER_STOPPING: {
    code: 'BTN-5008',
    title: 'The worker is stopping',
    why: 'It was asked to end, by a deploy or a person, and handed back what it had in hand.',
    fix: 'Nothing to do: another worker goes on where this one stopped.',
    retryable: true,
  },
  ERR_STEP_TIMEOUT: {
    code: 'BTN-5009',
    title: 'A step was not done in time',
    why: 'No worker took it, or none could finish it: workers were not running, or were lost again and again.',
    fix: 'See that workers run and read their logs (`baton doctor`, .baton/logs); then run again: what is done is not done twice.',
    retryable: false,
  },
  ERR_PAYLOAD_TOO_LARGE: {
    code: 'BTN-5010',
    title: 'Too much for a workflow',
    why: 'Arguments and results of workflows and activities are kept in histories: references and counts, never data.',
    fix: 'Put the data where it can be referred to (a file, a table, the lake) and pass its name; of a pipeline, shorten the settings or inputs.',
    retryable: false,
  },
  ERR_SWEEP_BUSY: {
    code: 'BTN-3029',
    title: 'A sweep is under way',
    why: 'One process at a time removes what is past its time.',
    fix: 'Run it again when the other one is done.',
    retryable: true,
  },
  ERR_BACKFILL_NOT_FOUND: {
    code: 'BTN-5020',
    title: 'There is no such backfill',
    why: 'No backfill has this id or prefix.',
    fix: 'See `baton backfill list`.',
    retryable: false,
  },
  ERR_BACKFILL_ACTIVE: {
    code: 'BTN-5021',
    title: 'A backfill of this pipeline and tenant is under way',
    why: 'Two at once would read the same intervals side by side.',
    fix: 'Wait for it, or cancel it: `baton backfill list`.',
    retryable: false,
  },
  ERR_BACKFILL_ENDED: {
    code: 'BTN-5022',
    title: 'The backfill has ended',
    why: 'What has ended can be neither paused, resumed nor cancelled.',
    fix: 'Create another one; with --reprocess-behavior failed it repeats only what failed.',
    retryable: false,
  },
  ERR_INTERVAL_OPEN: {
    code: 'BTN-5023',
    title: 'The interval has not ended by the vendor’s clock',
    why: 'What changes before its end would be missed for good.',
    fix: 'Nothing to do: Baton reads it when it has ended.',
    retryable: true,
  },
  ERR_RUN_NOT_RETRYABLE: {
    code: 'BTN-5024',
    title: 'This run cannot be tried again',
    why: 'Only a run that failed, was cancelled or is partial can be; one that succeeded is done.',
    fix: 'See its state with `baton runs show <run>`; to read everything again: baton run --full-refresh.',
    retryable: false,
  },

  ERR_NODE_VERSION: {
    code: 'BTN-7001',
    title: 'This Node.js is too old',
    why: 'Baton needs Node.js 20.19 or newer.',
    fix: 'Install a newer Node.js (nodejs.org, or `nvm install 22`) and run the command again.',
    retryable: false,
  },
  ERR_TEMPORAL_BINARY: {
    code: 'BTN-7002',
    title: 'The Temporal server program could not be had',
    why: 'It is not on this machine, and neither the download nor Python’s pip could fetch it.',
    fix: 'Install the Temporal CLI and put it on PATH, or set TEMPORAL_CLI_PATH, or allow pip or the internet.',
    retryable: false,
  },
  ERR_POSTGRES_START: {
    code: 'BTN-7003',
    title: 'The embedded PostgreSQL did not start',
    why: 'Its own last words are above.',
    fix: 'Free the port or the disk, or set DATABASE_URL to a PostgreSQL of yours.',
    retryable: false,
  },
  ERR_PORT_TAKEN: {
    code: 'BTN-7004',
    title: 'No free port was found',
    why: 'The wanted port and the next hundred are taken.',
    fix: 'Stop what holds them, or set another start with BATON_PORTS__<NAME>.',
    retryable: false,
  },
  ERR_STATE_UNWRITABLE: {
    code: 'BTN-7005',
    title: 'The project’s folder cannot be written',
    why: 'It is read-only, or the disk is full.',
    fix: 'Free space, or move the project to a folder that you may write; BATON_HOME moves only the state.',
    retryable: false,
  },
  ERR_STACK_PART_FAILED: {
    code: 'BTN-7006',
    title: 'A part of the local stack did not start',
    why: 'Its own last words are above.',
    fix: 'Read its log under .baton/logs; `baton doctor` checks each part.',
    retryable: false,
  },
  ERR_STACK_RUNNING: {
    code: 'BTN-7007',
    title: 'The local stack is already running here',
    why: 'Another `npm start` serves this folder.',
    fix: 'Use the one that runs (its links are above), or stop it first.',
    retryable: false,
  },
  ERR_CHECK_FAILED: {
    code: 'BTN-7008',
    title: 'Something that Baton needs is missing or does not answer',
    why: 'A check of `baton doctor` failed; each line marked ✗ says what was found.',
    fix: 'Do what the arrow below each failed check says, then run `baton doctor` again.',
    retryable: false,
  },

  ERR_GATEWAY_UNPROTECTED: {
    code: 'BTN-8001',
    title: 'The gateway would be open to the network without protection',
    why: 'It is told to listen beyond this machine, and no token is configured.',
    fix: 'Set gateway.token to a secret:// reference, or gateway.host to 127.0.0.1.',
    retryable: false,
  },
  ERR_GATEWAY_UNAUTHORIZED: {
    code: 'BTN-8002',
    title: 'The gateway was asked without its token',
    why: 'The request carries no Authorization header, or another token than gateway.token.',
    fix: 'Send `Authorization: Bearer <token>` with the token that gateway.token refers to.',
    retryable: false,
  },
  ERR_GATEWAY_FOREIGN_HOST: {
    code: 'BTN-8003',
    title: 'The gateway was asked under a name that is not its own',
    why: 'Without a token it answers only to this machine, and to the name in gateway.publicUrl.',
    fix: 'Use http://127.0.0.1 and the port, set gateway.publicUrl, or protect the gateway with gateway.token.',
    retryable: false,
  },
  ERR_GATEWAY_NO_ROUTE: {
    code: 'BTN-8004',
    title: 'The gateway has no such address',
    why: 'It serves /, /healthz, /readyz, /metrics, /hooks/<connection> and /api/v1/events.',
    fix: 'Correct the path.',
    retryable: false,
  },
  ERR_GATEWAY_NOT_READY: {
    code: 'BTN-8005',
    title: 'A part that Baton needs does not answer',
    why: 'The control database, the warehouse or Temporal is down or not prepared; each is named with its cause.',
    fix: 'Mend the part named; runs wait meanwhile and lose nothing.',
    retryable: true,
  },
  ERR_GATEWAY_LISTEN: {
    code: 'BTN-8006',
    title: 'The gateway cannot listen at its address',
    why: 'Its port is taken, or its host is no address of this machine.',
    fix: 'Stop what holds the port, or correct gateway.host and gateway.port.',
    retryable: false,
  },

  ERR_EVENT_NO_HOOK: {
    code: 'BTN-6001',
    title: 'No webhook is taken at this address',
    why: 'baton.yaml has no connection of this name with a `webhook` block.',
    fix: 'Correct the address: /hooks/<connection>, or give the connection its `webhook` settings.',
    retryable: false,
  },
  ERR_EVENT_NOT_GENUINE: {
    code: 'BTN-6002',
    title: 'The request could not be verified',
    why: 'Its signature, secret or time is not that of the sender. The gateway’s log says which.',
    fix: 'Compare the secret at the sender with the one that the connection’s `webhook` refers to, and the clocks.',
    retryable: false,
  },
  ERR_EVENT_REQUEST: {
    code: 'BTN-6003',
    title: 'The request is not one of a webhook',
    why: 'Only POST is taken, uncompressed, of the media types that the sender is known to send, up to 1 MB.',
    fix: 'Have the sender send what its documentation says, without Content-Encoding.',
    retryable: false,
  },
  ERR_EVENTS_OVERLOAD: {
    code: 'BTN-6004',
    title: 'More events come than can be stored',
    why: 'Too many wait for the control database. None that was acknowledged is concerned.',
    fix: 'The sender sends it again by itself. If it lasts, look at the control database’s disk, or add gateways.',
    retryable: true,
  },
  ERR_EVENT_CONTENT: {
    code: 'BTN-6006',
    title: 'The event’s body is not taken',
    why: 'It is not what every reader understands alike: no JSON, a name twice, a number too large, half a character, too deep.',
    fix: 'The bytes are kept: `baton events show <event>`. Have the sender send well-formed JSON.',
    retryable: false,
  },
  ERR_EVENT_STATE: {
    code: 'BTN-6005',
    title: 'The event cannot be replayed now',
    why: 'It is still under way, or it is a duplicate, whose original is the one to replay.',
    fix: 'See `baton events show <event>`, and wait for its end.',
    retryable: false,
  },
  ERR_CHANGES_UNAVAILABLE: {
    code: 'BTN-6010',
    title: 'A database whose changes are followed does not answer',
    why: 'It is away, or the connection to it was lost. It keeps what we have not stored.',
    fix: 'Nothing needs to be done: it is tried again by itself. If it lasts, look at the database.',
    retryable: true,
  },
  ERR_CHANGES_UNPREPARED: {
    code: 'BTN-6011',
    title: 'A database is not prepared for its changes to be followed',
    why: 'Logical replication needs wal_level = logical, a publication, and an account that may replicate.',
    fix: 'See docs/how-to/database-changes.md.',
    retryable: false,
  },
  ERR_CHANGES_LOST: {
    code: 'BTN-6012',
    title: 'A database has thrown away changes that were not stored yet',
    why: 'Its slot grew beyond max_slot_wal_keep_size while we were away.',
    fix: 'baton changes restart <connection> reads all tables once more and goes on from there. What was changed twice meanwhile is one change.',
    retryable: false,
  },
  ERR_APPROVAL_OVER: {
    code: 'BTN-6030',
    title: 'Nothing waits for a decision there',
    why: 'It was decided before, or nobody decided in time, or it never needed a person.',
    fix: 'See how it stands: baton approvals show <id>',
    retryable: false,
  },
  ERR_INCIDENT_OVER: {
    code: 'BTN-6031',
    title: 'That incident has ended',
    why: 'Nothing of it fires any more, so there is nothing to be taken up.',
    fix: 'See how it went: baton incidents show <id>. What fires again later is another incident: baton incidents list --state open',
    retryable: false,
  },
  ERR_FILE_UNREADABLE: {
    code: 'BTN-6020',
    title: 'The file cannot be read',
    why: 'It is not what its name says: no JSON, no table, cut off, or no UTF-8 text. Nothing of it was loaded.',
    fix: 'Have it written anew: another version is another file. Or set `format`, and: baton dlq replay file:<id>',
    retryable: false,
  },
  ERR_OTLP_PACKAGES_MISSING: {
    code: 'BTN-6130',
    title: 'The packages for OpenTelemetry are not installed',
    why: 'Only installations that send traces and metrics over OTLP need them, so they do not come with Baton. OTEL_SDK_DISABLED=true sends nothing.',
    fix: 'npm install @opentelemetry/api@1 @opentelemetry/sdk-trace-node@1 @opentelemetry/sdk-metrics@1 @opentelemetry/resources@1 @opentelemetry/exporter-trace-otlp-proto@0.57 @opentelemetry/exporter-metrics-otlp-proto@0.57 @temporalio/interceptors-opentelemetry@1.24.0',
    retryable: false,
  },

  ERR_INTERNAL: {
    code: 'BTN-9001',
    title: 'Something happened that Baton did not expect',
    why: 'This is a defect in Baton.',
    fix: 'Run again with --debug and report what it prints; nothing was lost.',
    retryable: true,
  },
} as const satisfies Record<string, ErrorSpec>;

export type ErrorName = keyof typeof catalogue;

export interface BatonErrorOptions {
  /** What happened, in one sentence, without secrets: names the connection, the table, the file. */
  readonly detail: string;
  /** Where: `pipelines/x.yaml:14:17`, a step, a key. */
  readonly where?: string;
  /** Why, when more is known than the catalogue says. */
  readonly why?: string;
  /** How to mend it, when more is known than the catalogue says. */
  readonly fix?: string;
  /** The vendor's own wish, from Retry-After, in milliseconds. */
  readonly retryAfterMs?: number;
  /** Overrides the catalogue's word on whether trying again can help. */
  readonly retryable?: boolean;
  /** Whether it was the vendor that failed: only these use up the user's `retries`. */
  readonly vendor?: boolean;
  /** Kept for the debug log, never shown or sent to Temporal. */
  readonly cause?: unknown;
}

/** The one error class that crosses Baton's ports. `message` is `options.detail`. */
export class BatonError extends Error {
  override readonly name = 'BatonError';
  readonly error: ErrorName;
  readonly options: BatonErrorOptions;

  constructor(error: ErrorName, options: BatonErrorOptions) {
    super(options.detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.error = error;
    this.options = options;
  }

  get spec(): ErrorSpec {
    return catalogue[this.error];
  }

  get code(): string {
    return this.spec.code;
  }

  get retryable(): boolean {
    return this.options.retryable ?? this.spec.retryable;
  }
}

/** What a user sees of an error, wherever it is shown: command line, gateway, history, ticket. */
export interface ErrorView {
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly where?: string;
  readonly why: string;
  readonly fix: string;
  readonly retryable: boolean;
}

export function describeError(error: BatonError): ErrorView {
  const { detail, where, why, fix } = error.options;
  return {
    code: error.code,
    title: error.spec.title,
    detail,
    ...(where === undefined ? {} : { where }),
    why: why ?? error.spec.why,
    fix: fix ?? error.spec.fix,
    retryable: error.retryable,
  };
}
