import { Command } from '@commander-js/extra-typings';
import { createCommand } from '../options.ts';
import { dataDirectory, stateDirectory } from '../locations.ts';
import { printAliasMove, printGates, printModels } from '../printers/models.ts';
import { runCommand } from '../run-command.ts';

/** Versions and which of them are in service. */
export function modelsCommand() {
  return new Command('models')
    .description('List model versions, judge and promote one, or roll back.')
    .addCommand(listCommand())
    .addCommand(promoteCommand())
    .addCommand(rollbackCommand());
}

function listCommand() {
  return createCommand('list', 'List the stored versions of every model and their aliases.', [
    'mlsched models list',
  ]).action((options) =>
    runCommand(
      {
        name: 'models list',
        async run(context) {
          const [{ openModelRegistry }, { MODEL_NAMES }] = await Promise.all([
            import('#services/models'),
            import('#domain'),
          ]);
          const registry = openModelRegistry(stateDirectory(), context);
          const models = await Promise.all(
            MODEL_NAMES.map(async (model) => ({
              model,
              aliases: await registry.aliases(model),
              versions: await registry.list(model),
            })),
          );
          return { status: 'ok' as const, data: { models } };
        },
        print: printModels,
      },
      options,
    ),
  );
}

function promoteCommand() {
  return createCommand(
    'promote',
    'Judge a version by every gate and put it into service when it passes all.',
    [
      'mlsched models promote load-forecast 7 --data DIR',
      'mlsched models promote load-forecast challenger --dry-run',
    ],
  )
    .argument('<model>', 'load-forecast, placement or node-anomaly')
    .argument('<version>', 'version number or alias')
    .option('--data <directory>', 'the latest load history; a data root for placement')
    .option('--dry-run', 'judge only', false)
    .action((name, version, options) =>
      runCommand(
        {
          name: 'models promote',
          async run(context) {
            const [{ judgeAndPromote, judgeCandidate, modelNamed }, { openModelRegistry }] =
              await Promise.all([import('#services/promotion'), import('#services/models')]);
            const model = modelNamed(name);
            const isPlacement = model === 'placement';
            const wanted = {
              registry: openModelRegistry(stateDirectory(), context),
              model,
              candidate: /^\d+$/.test(version) ? Number(version) : version,
              loadDirectory: isPlacement ? '' : dataDirectory(options.data, 'load', context),
              placementRoot: isPlacement ? dataDirectory(options.data, 'placement', context) : '',
              seed: context.seed,
              progress: context.progress,
            };
            const report = options.dryRun
              ? { ...(await judgeCandidate(wanted)), move: undefined }
              : await judgeAndPromote(wanted);
            return { status: report.isPassed ? ('ok' as const) : ('finding' as const), data: report };
          },
          print: printGates,
        },
        options,
      ),
    );
}

function rollbackCommand() {
  return createCommand('rollback', 'Put the version back into service that was there before.', [
    'mlsched models rollback load-forecast',
  ])
    .argument('<model>', 'load-forecast, placement or node-anomaly')
    .action((name, options) =>
      runCommand(
        {
          name: 'models rollback',
          async run(context) {
            const [{ modelNamed }, { openModelRegistry }, { rollBack }] = await Promise.all([
              import('#services/promotion'),
              import('#services/models'),
              import('#training'),
            ]);
            const registry = openModelRegistry(stateDirectory(), context);
            return { status: 'ok' as const, data: await rollBack(registry, modelNamed(name)) };
          },
          print: printAliasMove,
        },
        options,
      ),
    );
}
