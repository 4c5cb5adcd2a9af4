/** Process of a container (spec kata-policy-data section 8). */
import type { NoticeSink } from '../../core/notice.js';
import { addMissing, buildArgs } from './args.js';
import { buildCapabilities } from './capabilities.js';
import type { ContainerContext } from './context.js';
import type { ProcessData } from './data.js';
import { buildEnv } from './env.js';
import type { ProcessRules } from './guests.js';
import { resolveReferences } from './substitution.js';
import { buildUser } from './users.js';

interface ArgumentLists {
  readonly written: readonly string[];
  readonly resolved: readonly string[];
}

const ARGUMENTS: Readonly<
  Record<
    ProcessRules['args'],
    (
      lists: ArgumentLists,
      context: ContainerContext,
    ) => Pick<ProcessData, 'Args' | 'DeprecatedArgs'>
  >
> = {
  resolved: ({ resolved }, { own }) => ({ Args: unlessEmpty(addMissing(resolved, own.args)) }),
  both: ({ written, resolved }, { own }) => ({
    DeprecatedArgs: unlessEmpty(addMissing(resolved, own.deprecatedArgs)),
    Args: unlessEmpty(written),
  }),
};

/** The process, with references in variables and arguments resolved. Throws as buildEnv, buildUser and the resolver. */
export function buildProcess(context: ContainerContext): ProcessData {
  const { container, guest, own, settings } = context;
  const { config } = context.image.image;
  const written = buildArgs(context);
  const env = buildEnv(context);
  const resolved = resolveReferences(env, written, container.at);
  warnOfEscapes([...env, ...written], container.at, context.notices);
  const { Args, DeprecatedArgs } = ARGUMENTS[guest.process.args](
    { written, resolved: resolved.args },
    context,
  );
  return {
    Terminal: container.tty ?? config.tty ?? false,
    User: buildUser(context),
    DeprecatedArgs,
    Args,
    Env: unlessEmpty(addMissing(resolved.env, own.env)),
    Cwd: config.workingDir || '/',
    Capabilities: buildCapabilities(container.securityContext, settings.capabilities),
    NoNewPrivileges: hasNoNewPrivileges(context),
  };
}

function hasNoNewPrivileges(context: ContainerContext): boolean {
  const own = context.container.securityContext?.allowPrivilegeEscalation;
  const pod = context.workload.pod.securityContext?.allowPrivilegeEscalation;
  return !(own ?? pod ?? true);
}

function warnOfEscapes(texts: readonly string[], at: string, notices: NoticeSink): void {
  const text = texts.find((candidate) => candidate.includes('$$('));
  if (text === undefined) return;
  notices({
    code: 'escaped-reference',
    message:
      'Kubernetes takes $$ as an escaped dollar sign, the policy does not: $$(NAME) is resolved',
    where: at,
  });
}

function unlessEmpty(list: readonly string[]): readonly string[] | undefined {
  return list.length === 0 ? undefined : list;
}
