/** Source -> policies, for `podseal acipolicygen`. */
import { ToolError } from '../../core/error.js';
import type { NoticeSink } from '../../core/notice.js';
import type { GeneratedAciPolicy } from '../../pipeline/aci/generate.js';
import type { AcipolicygenSource } from '../../pipeline/acipolicygen/sources.js';
import type { ContainerGroup } from '../../workload/container-group.js';
import { isWindows, openImages } from '../image-options.js';
import { importsInPolicy, openImports, readImportFile } from './fragments.js';
import type { AcipolicygenRun } from './run.js';

/** The policies of all groups of the source, in order. */
export async function generatePolicies(
  source: AcipolicygenSource,
  run: AcipolicygenRun,
): Promise<readonly GeneratedAciPolicy[]> {
  const { flags, context, terminal, confirm } = run;
  const [{ readWithAnswers }, { readSource }, { generateAci }, { findAciGuest }, images] =
    await Promise.all([
      import('../../pipeline/aci/answers.js'),
      import('../../pipeline/acipolicygen/sources.js'),
      import('../../pipeline/aci/generate.js'),
      import('../../policy/aci/guests.js'),
      import('../../pipeline/images.js'),
    ]);
  const guest = findAciGuest(flags.guest);
  const notices = terminal.notice;
  const groups = await readWithAnswers(
    (approve) =>
      readSource(source, { approve: flags.approveWildcards ? () => true : approve, notices }),
    ({ text }) => confirm(text),
  );
  refuseSingleTar(flags.tar, groups);
  const svn = flags.infrastructureSvn;
  if (svn) noteLowSvn(svn, guest.infrastructureSvn, notices);
  const imports = await readImportFile(source, run);
  const request = {
    groups,
    guest,
    os: isWindows(flags.platform) ? ('windows' as const) : ('linux' as const),
    debugMode: flags.debugMode === true,
    stdio: flags.disableStdio !== true,
    // Comparisons find containers by their ids.
    omitId: flags.omitId === true && !flags.diff && !flags.validateSidecar,
    fragments: {
      imports: importsInPolicy(source, imports),
      excludeInfrastructure: flags.excludeDefaultFragments === true,
      ...(svn ? { infrastructureSvn: svn } : {}),
    },
  };
  const { signal } = context;
  const access = await openImages(flags, [], { terminal, signal, locations: false });
  try {
    const opened = await openImports(groups, imports, access, run);
    return await generateAci(
      { ...request, ...opened },
      {
        obtain: (reference, needs) =>
          images.obtainPolicyImage(reference, needs, access.facts, access),
        notices,
      },
    );
  } finally {
    await access.close();
    terminal.progressDone();
  }
}

/** A lower svn lets older containers of the platform in. */
function noteLowSvn(svn: string, usual: string, notices: NoticeSink): void {
  if (/^[0-9]+$/.test(svn) && BigInt(svn) >= BigInt(usual)) return;
  notices({
    code: 'infrastructure-svn',
    message: `--infrastructure-svn ${svn} is not a number from ${usual}, which is the usual one`,
  });
}

/** One tar is for one image; a map names the tars of several. */
function refuseSingleTar(tar: string | undefined, groups: readonly ContainerGroup[]): void {
  if (tar === undefined || tar.endsWith('.json')) return;
  if (groups.flatMap(({ containers }) => containers).length <= 1) return;
  throw new ToolError('USAGE_CONFLICT', 'one tar cannot hold the images of several containers', {
    got: tar,
    hints: ['give a JSON file: {"IMAGE:TAG": "FILE.tar", ...}'],
  });
}
