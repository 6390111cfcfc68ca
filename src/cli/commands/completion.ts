import { Argument, Command } from '@commander-js/extra-typings';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

interface Node {
  readonly path: string;
  readonly words: readonly string[];
}

export function completionCommand(program: Command) {
  return new Command('completion')
    .description('Print a shell completion script.')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .addHelpText(
      'beforeAll',
      'Examples:\n  source <(mlsched completion bash)\n  mlsched completion fish | source\n',
    )
    .action((shell) => {
      process.stdout.write(renderCompletion(shell, listNodes(program, '')));
    });
}

/** Each command path with the words that may follow it. */
function listNodes(command: Command, path: string): Node[] {
  const children = command.commands as unknown as Command[];
  const flags = command.options.flatMap((option) =>
    [option.long, option.short].filter((flag) => flag !== undefined),
  );
  const own: Node = { path, words: [...children.map((child) => child.name()), ...flags, '--help'] };
  return [own, ...children.flatMap((child) => listNodes(child, `${path} ${child.name()}`.trim()))];
}

function renderCompletion(shell: (typeof SHELLS)[number], nodes: readonly Node[]): string {
  return shell === 'fish' ? renderFish(nodes) : renderBash(nodes, shell === 'zsh');
}

function renderBash(nodes: readonly Node[], isZsh: boolean): string {
  const cases = nodes.map((node) => `    '${node.path}') words='${node.words.join(' ')}' ;;`);
  return [
    ...(isZsh ? ['autoload -U +X bashcompinit && bashcompinit'] : []),
    '_mlsched() {',
    '  local path="" word words=""',
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    '    case "$word" in -*) break ;; *) path="${path:+$path }$word" ;; esac',
    '  done',
    '  case "$path" in',
    ...cases,
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))',
    '  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))',
    '}',
    'complete -F _mlsched mlsched',
    '',
  ].join('\n');
}

function renderFish(nodes: readonly Node[]): string {
  const lines = nodes.flatMap((node) => {
    const condition =
      node.path === ''
        ? '__fish_use_subcommand'
        : `__fish_seen_subcommand_from ${node.path.split(' ').at(-1)}`;
    return node.words.map((word) => {
      const what = word.startsWith('--')
        ? `-l ${word.slice(2)}`
        : word.startsWith('-')
          ? `-s ${word.slice(1)}`
          : `-f -a ${word}`;
      return `complete -c mlsched -n '${condition}' ${what}`;
    });
  });
  return `${lines.join('\n')}\n`;
}
