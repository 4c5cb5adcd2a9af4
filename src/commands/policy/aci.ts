/** `podseal policy` for ACI guests (targets aci and vn2). */
import { dirname } from 'node:path';
import { ToolError } from '../../core/error.js';
import type { Terminal } from '../../io/terminal.js';
import type { GeneratedAciPolicy } from '../../pipeline/aci/generate.js';
import type { PolicyFragments } from '../../pipeline/aci/policy-fragments.js';
import type { AciInput } from '../../pipeline/aci/sources.js';
import type { AciGuest } from '../../policy/aci/guests.js';
import type { ContainerGroup } from '../../workload/container-group.js';
import { isWindows, openImages } from '../image-options.js';
import { conflict, type PolicyRun } from './options.js';

/** Where the policies of one run come from and go to. */
interface AciRun extends PolicyRun {
  readonly target: 'aci' | 'vn2';
  readonly guest: AciGuest;
}

interface Delivery extends AciRun {
  /** The manifests, then templates that they link to. */
  readonly inputs: readonly AciInput[];
  readonly policies: readonly GeneratedAciPolicy[];
}

/** Generates and delivers the policies of the manifests for a guest. */
export async function runAci(
  guest: AciGuest,
  target: 'aci' | 'vn2',
  policyRun: PolicyRun,
): Promise<void> {
  const run = { ...policyRun, guest, target };
  checkAciOptions(run);
  const { terminal } = run;
  const { inputs, groups } = await readSources(run);
  const { policies, fragmentsOf } = await generate(run, groups);
  terminal.progressDone();
  if (run.options.selfCheck !== false) await selfCheck(policies, fragmentsOf, terminal);
  if (policies.length === 0 && run.options.check !== true) {
    terminal.notice({
      code: 'no-workload',
      message: 'no workload of the manifest gets a policy',
    });
  }
  const delivery = { ...run, inputs, policies };
  if (run.options.check === true) await check(delivery);
  else await deliver(delivery);
}

/** Nothing is written or printed for a policy under which its group would not start. */
async function selfCheck(
  policies: readonly GeneratedAciPolicy[],
  fragmentsOf: PolicyFragments['fragmentsOf'],
  { notice: notices }: Terminal,
): Promise<void> {
  const [{ checkCceStarts }, { printWholePolicy }, { openFrameworkEngine }] = await Promise.all([
    import('../../pipeline/aci/self-check.js'),
    import('../../pipeline/aci/generate.js'),
    import('../../io/framework-engine.js'),
  ]);
  const candidates = policies.map((one) => {
    const { policy: text, group, covered } = one;
    const subject = `${group.kind} ${group.name ?? ''}`.trim();
    const whole = covered.length === 0 ? {} : { whole: printWholePolicy(one) };
    return { text, subject, where: group.at, fragments: fragmentsOf(group), ...whole };
  });
  await checkCceStarts(candidates, { engine: openFrameworkEngine(), notices });
}

function checkAciOptions({ options, target }: AciRun): void {
  if (target === 'vn2' && options.parameters !== undefined) {
    throw conflict('--parameters is for ARM templates, not for target vn2');
  }
  if (target === 'vn2' && options.templateRoot !== undefined) {
    throw conflict('--template-root is for ARM templates, not for target vn2');
  }
  if (target === 'aci' && options.configMap !== undefined) {
    throw conflict('--config-map is for Kubernetes manifests, not for target aci');
  }
  const svn = options.infrastructureSvn;
  if (svn !== undefined && options.infrastructureFragment === false) {
    throw conflict('--infrastructure-svn and --no-infrastructure-fragment exclude each other');
  }
  if (svn !== undefined && !/^[0-9]{1,18}$/.test(svn)) {
    throw new ToolError('USAGE_CONFLICT', '--infrastructure-svn is not a number', { got: svn });
  }
}

async function readSources({ options, manifests, terminal, target }: AciRun) {
  const [{ readAciGroups }, { approveWithoutAsking }, { readTextFile }, { readTextWithin }] =
    await Promise.all([
      import('../../pipeline/aci/sources.js'),
      import('../../pipeline/aci/answers.js'),
      import('../../io/files.js'),
      import('../../io/contained-files.js'),
    ]);
  const read = async (file: string) => ({ file, text: await readTextFile(file) });
  const attachments = [];
  for (const file of options.configMap ?? []) attachments.push(await read(file));
  return readAciGroups({
    target,
    manifests,
    attachments,
    ...(options.parameters === undefined ? {} : { parameters: await read(options.parameters) }),
    readLinked: (file, main) =>
      readTextWithin(file, [dirname(main), ...(options.templateRoot ?? [])], '--template-root'),
    approve: approveWithoutAsking(options.approveWildcards === true),
    notices: terminal.notice,
  });
}

interface Generated extends Pick<PolicyFragments, 'fragmentsOf'> {
  readonly policies: readonly GeneratedAciPolicy[];
}

async function generate(run: AciRun, groups: readonly ContainerGroup[]): Promise<Generated> {
  const { options, guest, terminal, context } = run;
  const [{ generateAci }, { obtainPolicyImage }, { openFragments }] = await Promise.all([
    import('../../pipeline/aci/generate.js'),
    import('../../pipeline/images.js'),
    import('./fragments.js'),
  ]);
  const { signal } = context;
  const access = await openImages(options, [], { terminal, signal, locations: false });
  const svn = options.infrastructureSvn;
  try {
    const opened = await openFragments(groups, access, run);
    const policies = await generateAci(
      {
        ...opened,
        groups,
        guest,
        os: isWindows(options.platform) ? 'windows' : 'linux',
        debugMode: options.debugMode === true,
        stdio: options.stdio !== false,
        omitId: options.omitId === true,
        fragments: {
          imports: [],
          excludeInfrastructure: options.infrastructureFragment === false,
          ...(svn === undefined ? {} : { infrastructureSvn: svn }),
        },
      },
      {
        obtain: (reference, needs) => obtainPolicyImage(reference, needs, access.facts, access),
        notices: terminal.notice,
      },
    );
    return { policies, fragmentsOf: opened?.fragmentsOf ?? (() => []) };
  } finally {
    await access.close();
  }
}

/** Compares what the manifests hold with the policies; nothing is written. */
async function check(delivery: Delivery): Promise<void> {
  const [{ checkedAciPolicies }, { printCheck }] = await Promise.all([
    import('../../pipeline/review.js'),
    import('./check.js'),
  ]);
  const { inputs, policies, target } = delivery;
  await printCheck(checkedAciPolicies(inputs, policies, target), delivery);
}

/** Gives the product in the forms that are wanted. */
async function deliver(delivery: Delivery): Promise<void> {
  const { files, inputs, options, policies, target, guest, terminal } = delivery;
  const [{ deliverPolicies }, { writeAciPolicies }] = await Promise.all([
    import('./deliver.js'),
    import('../../pipeline/aci/write.js'),
  ]);
  await deliverPolicies({
    forms: options,
    terminal,
    policies: policies.map((one) => ({ ...one, workload: one.group })),
    manifests: async () =>
      inputs.map((input, i) => ({
        file: input.file,
        target: (i < files.length ? options.output : undefined) ?? input.file,
        before: input.text,
        text: writeAciPolicies(input, policies),
      })),
    workloads: () => policies.map((one) => asJson(one, target, guest)),
  });
}

function asJson(
  { group, policy, measurement, images }: GeneratedAciPolicy,
  target: AciRun['target'],
  guest: AciGuest,
) {
  return {
    kind: group.kind,
    name: group.name,
    namespace: group.namespace,
    target,
    guest: guest.id,
    policy,
    measurement,
    placement: placementAsJson(group.placement),
    images,
  };
}

function placementAsJson(placement: GeneratedAciPolicy['group']['placement']) {
  if (placement === undefined) return undefined;
  const { file } = placement;
  if (placement.kind === 'annotation') {
    const { document, path } = placement;
    return { file, document, path, key: 'microsoft.containerinstance.virtualnode.ccepolicy' };
  }
  const path = [...placement.path, 'properties', 'confidentialComputeProperties'];
  return { file, path, key: 'ccePolicy' };
}
