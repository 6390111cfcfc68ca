import { Argument, Command, Option } from '@commander-js/extra-typings';
import { dataDirectory, stateDirectory } from '../locations.ts';
import { createCommand, ratio } from '../options.ts';
import { printIncidents, printPrecision, printReplay } from '../printers/incidents.ts';
import { runCommand } from '../run-command.ts';

export function incidentsCommand() {
  return new Command('incidents')
    .description('Incidents of nodes: list them, say whether they were right, see how good alerts are.')
    .addCommand(listCommand() as unknown as Command)
    .addCommand(verdictCommand() as unknown as Command)
    .addCommand(reviewCommand() as unknown as Command)
    .addCommand(replayCommand() as unknown as Command);
}

const STATES = ['all', 'open', 'closed', 'suppressed', 'unjudged'] as const;

function listCommand() {
  return createCommand('list', 'List incidents, oldest first.', [
    'mlsched incidents list --state open',
    'mlsched incidents list --node node-3 -o json',
  ])
    .addOption(
      new Option('--state <name>', 'which ones; unjudged: those that called somebody and have no verdict')
        .choices(STATES)
        .default('all' as const),
    )
    .option('--node <name>', 'of one node only')
    .action((options) =>
      runCommand(
        {
          name: 'incidents list',
          async run() {
            const [{ listIncidents }, { incidentBookIn }] = await Promise.all([
              import('#operations'),
              import('#services/incidents'),
            ]);
            const content = await incidentBookIn(stateDirectory()).read();
            const incidents = listIncidents(content).filter(
              (incident) =>
                (options.node === undefined || incident.node === options.node) &&
                IS_IN[options.state](incident),
            );
            return { status: 'ok' as const, data: { incidents, damagedLines: content.damagedLines } };
          },
          print: printIncidents,
        },
        options,
      ),
    );
}

type Listed = { readonly state: string; readonly suppressedBy: unknown; readonly verdict: unknown };

const IS_IN: Readonly<Record<(typeof STATES)[number], (incident: Listed) => boolean>> = {
  all: () => true,
  open: ({ state }) => state === 'open',
  closed: ({ state }) => state === 'closed',
  suppressed: ({ suppressedBy }) => suppressedBy !== null,
  unjudged: ({ suppressedBy, verdict }) => suppressedBy === null && verdict === null,
};

function verdictCommand() {
  return createCommand('verdict', 'Say whether an incident was right; the last word counts.', [
    'mlsched incidents verdict node-3@1767225600000 true --note "disk was replaced"',
    'mlsched incidents verdict node-3@1767225600000 false --by alex',
  ])
    .addArgument(new Argument('<incident>', 'its name, as listed'))
    .addArgument(
      new Argument('<verdict>', 'true: the node was in trouble').choices(['true', 'false'] as const),
    )
    .option('--by <name>', 'who says so')
    .option('--note <text>', 'what it was')
    .action((incidentId, verdict, options) =>
      runCommand(
        {
          name: 'incidents verdict',
          async run() {
            const [{ reviewPrecision }, { incidentBookIn }] = await Promise.all([
              import('#operations'),
              import('#services/incidents'),
            ]);
            const book = incidentBookIn(stateDirectory());
            const { by, note } = options;
            await book.recordVerdict({
              incidentId,
              isTrue: verdict === 'true',
              atMs: Date.now(),
              ...(by === undefined ? {} : { by }),
              ...(note === undefined ? {} : { note }),
            });
            return { status: 'ok' as const, data: reviewPrecision(await book.read()) };
          },
          print: printPrecision,
        },
        options,
      ),
    );
}

function reviewCommand() {
  return createCommand('review', 'Precision of alerts by the verdicts, and what they say of the threshold.', [
    'mlsched incidents review',
    'mlsched incidents review --apply    # move the threshold as advised',
  ])
    .option('--target <share>', 'share of alerts that shall be right', ratio, 0.94)
    .option('--apply', 'move the threshold; services take it up when they start', false)
    .action((options) =>
      runCommand(
        {
          name: 'incidents review',
          async run() {
            const [{ applyTuning, reviewPrecision }, { incidentBookIn }] = await Promise.all([
              import('#operations'),
              import('#services/incidents'),
            ]);
            const book = incidentBookIn(stateDirectory());
            const data = options.apply
              ? await applyTuning(book, Date.now(), options.target)
              : reviewPrecision(await book.read(), options.target);
            return { status: 'ok' as const, data };
          },
          print: printPrecision,
        },
        options,
      ),
    );
}

function replayCommand() {
  return createCommand('replay', 'Show what the health model would have raised on a load history.', [
    'mlsched incidents replay --data DIR',
    'mlsched incidents replay --data DIR --record    # then judge them, before anybody is called',
  ])
    .option('--data <directory>', 'folder of load Parquet files (default: smd-nodes in the data root)')
    .option('--model <reference>', 'alias, version or folder of the health model', 'champion')
    .option('--alike', "all machines are peers: what most of them show is nobody's fault", false)
    .option('--record', 'write the incidents down, so that they can be judged', false)
    .action((options) =>
      runCommand(
        {
          name: 'incidents replay',
          async run(context) {
            const { replayHistory } = await import('#services/incidents');
            const data = await replayHistory({
              dataDirectory: dataDirectory(options.data, 'load', context),
              stateDirectory: stateDirectory(),
              model: options.model,
              areAlike: options.alike,
              isRecorded: options.record,
              progress: context.progress,
              reporter: context,
            });
            return { status: 'ok' as const, data };
          },
          print: printReplay,
        },
        options,
      ),
    );
}
