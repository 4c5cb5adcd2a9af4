/** Description of a CCE policy -> blocks of a page: what the host may do, then each container. */
import type { Block, Cell, Fact } from '../../core/page.js';
import type { CceContainerDescription, CceDescription } from './describe.js';

const warning = (text: string): Cell => ({ text, tone: 'warning' });

/** The page of one policy, without its heading. */
export function ccePolicyBlocks(description: CceDescription): readonly Block[] {
  if (description.ownRules !== undefined) {
    const text = `rules of its own, which only an engine can decide: ${description.ownRules}`;
    return [{ kind: 'facts', rows: [{ label: 'rules', values: [warning(text)] }] }];
  }
  return [
    { kind: 'facts', rows: policyFacts(description) },
    { kind: 'heading', level: 3, text: 'What the host may do' },
    { kind: 'facts', rows: hostFacts(description) },
    ...description.containers.flatMap(containerBlocks),
  ];
}

function policyFacts({ apiVersion, frameworkVersion, fragments, containers }: CceDescription) {
  return factsOf([
    ['api version', [apiVersion ?? warning('none')]],
    ['framework', [frameworkVersion ?? warning('none')]],
    [
      'fragments',
      fragments.map(
        ({ feed, issuer, minimum_svn: svn, includes }) =>
          `${feed}, svn ${svn} or later, adds ${includes.join(', ') || 'nothing'}; signed by ${issuer}`,
      ),
    ],
    ['containers', containers.length === 0 ? [warning('none')] : []],
  ]);
}

function hostFacts({ flags, openRequests, externalProcesses }: CceDescription): readonly Fact[] {
  const names = (isOn: boolean) =>
    Object.entries(flags)
      .filter(([, value]) => value === isOn)
      .map(([name]) => name)
      .join(', ') || 'none';
  return factsOf([
    ['unchecked', openRequests.map((name): Cell => ({ text: name, tone: 'bad' }))],
    ['processes', externalProcesses.map(warning)],
    ['on', [names(true)]],
    ['off', [names(false)]],
  ]);
}

function containerBlocks(container: CceContainerDescription): readonly Block[] {
  const { name, environment, mounts } = container;
  const tables: readonly Block[] = [
    { kind: 'table', columns: ['variable'], rows: environment.map((text) => [text]) },
    {
      kind: 'table',
      columns: ['mount', 'access', 'from', 'source'],
      rows: mounts.map(({ destination, isReadOnly, words, source }) => [
        destination,
        isReadOnly ? 'read-only' : 'writable',
        words,
        source,
      ]),
    },
  ];
  return [
    { kind: 'heading', level: 3, text: name.charAt(0).toUpperCase() + name.slice(1) },
    { kind: 'facts', rows: containerFacts(container) },
    ...tables.filter((table) => table.kind === 'table' && table.rows.length > 0),
  ];
}

function containerFacts(container: CceContainerDescription): readonly Fact[] {
  const { image, layers, capabilities, seccompProfile } = container;
  const unbound: Cell = { text: 'not bound to the content of an image', tone: 'bad' };
  return factsOf([
    ['image', image === undefined ? [] : [image]],
    ['layers', layers.length === 0 ? [unbound] : layers],
    ['user', [container.user]],
    ['command', [container.command.length === 0 ? 'none' : JSON.stringify(container.command)]],
    ['directory', [container.workingDirectory]],
    ['privileges', privilegesOf(container)],
    ['capabilities', [capabilities?.join(', ') ?? warning('the defaults of the guest')]],
    ['seccomp', [seccompProfile === '' ? 'no profile' : `profile ${seccompProfile}`]],
    ['input, output', [container.hostReadsOutput ? 'open to the host' : 'closed']],
    ['may be run', container.execCommands],
    ['signals', [container.signals.join(', ') || 'none']],
  ]);
}

function privilegesOf({
  isPrivileged,
  mayGainPrivileges,
}: CceContainerDescription): readonly Cell[] {
  return [
    ...(isPrivileged ? [{ text: 'all', tone: 'bad' } as const] : []),
    ...(mayGainPrivileges ? ['processes may gain more'] : []),
  ];
}

function factsOf(rows: readonly (readonly [string, readonly Cell[]])[]): readonly Fact[] {
  return rows.flatMap(([label, values]) => (values.length === 0 ? [] : [{ label, values }]));
}
