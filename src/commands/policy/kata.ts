/** `podseal policy` for kata guests (targets aks and kata). */
import { ToolError } from '../../core/error.js';
import type { Terminal } from '../../io/terminal.js';
import type { GeneratedPolicy, KataRequest } from '../../pipeline.js';
import type { TextFile } from '../../policy/kata/drop-ins.js';
import type { KataGuest } from '../../policy/kata/guests.js';
import { openImages } from '../image-options.js';
import { openEngine } from '../options.js';
import { conflict, type PolicyRun } from './options.js';

/** Generates and delivers the policies of the manifests for a guest. */
export async function runKata(guest: KataGuest, policyRun: PolicyRun): Promise<void> {
  const { options, context, terminal } = policyRun;
  const [{ generateKata }, { obtainPolicyImage }] = await Promise.all([
    import('../../pipeline.js'),
    import('../../pipeline/images.js'),
  ]);
  const request = await readRequest(guest, policyRun);
  const access = await openImages(options, [], {
    terminal,
    signal: context.signal,
    locations: false,
  });
  try {
    const policies = await generateKata(request, {
      obtain: (reference, needs) => obtainPolicyImage(reference, needs, access.facts, access),
      notices: terminal.notice,
    });
    terminal.progressDone();
    if (options.selfCheck !== false) await selfCheck(policies, request, terminal);
    if (options.check === true) await check({ ...policyRun, request, policies });
    else await deliver({ ...policyRun, request, policies });
  } finally {
    await access.close();
  }
}

/** Nothing is written or printed for a policy under which its workload would not start. */
async function selfCheck(
  policies: readonly GeneratedPolicy[],
  request: KataRequest,
  terminal: Terminal,
): Promise<void> {
  const [{ checkStarts }, engine] = await Promise.all([
    import('../../pipeline/self-check.js'),
    openEngine(undefined),
  ]);
  await checkStarts(policies, request, { engine, notices: terminal.notice });
}

async function readInitdataFile(file: string) {
  const [{ readBinaryFile }, { readInitdata }] = await Promise.all([
    import('../../io/files.js'),
    import('../../measurement/read-initdata.js'),
  ]);
  return readInitdata(await readBinaryFile(file), file);
}

/** Reads every file that the options name. */
async function readRequest(
  guest: KataGuest,
  { options, manifests }: PolicyRun,
): Promise<KataRequest> {
  const [{ readTextFile }, { parseSettings }] = await Promise.all([
    import('../../io/files.js'),
    import('../../policy/kata/settings.js'),
  ]);
  const read = async (file: string): Promise<TextFile> => ({
    file,
    text: await readTextFile(file),
  });
  if (options.initdata !== undefined && guest.annotationValue !== 'initdata') {
    throw conflict(`guest ${guest.id} has no initdata`, 'use --target kata');
  }
  const settings = await readSettings(options, guest.settingsFile, read);
  const attachments = await inOrder(options.configMap ?? [], read);
  const initdata =
    options.initdata === undefined ? {} : { initdata: await readInitdataFile(options.initdata) };
  return {
    inputs: [
      ...manifests.map((one) => ({ ...one, role: 'manifest' as const })),
      ...attachments.map((one) => ({ ...one, role: 'attachment' as const })),
    ],
    guest,
    settings: parseSettings(settings.text, settings.file, guest),
    rules: await readRules(options, guest),
    asReference: options.rules !== undefined,
    ...initdata,
    ignoreUnsupported: options.ignoreUnsupported ?? [],
    runtimeClassPrefixes: options.runtimeClass ?? [],
  };
}

async function inOrder<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}

async function readSettings(
  options: PolicyRun['options'],
  bundled: string,
  read: (file: string) => Promise<TextFile>,
): Promise<TextFile> {
  const { assetPath } = await import('../../io/assets.js');
  const base = await read(options.settings ?? assetPath(`kata/settings/${bundled}`));
  const dropIns = await inOrder(options.settingsDropIn ?? [], read);
  if (dropIns.length === 0) return base;
  const { applyDropIns } = await import('../../policy/kata/drop-ins.js');
  return { file: base.file, text: applyDropIns(base, dropIns) };
}

async function readRules(options: PolicyRun['options'], guest: KataGuest): Promise<string> {
  const [{ readTextFile }, { readAsset }] = await Promise.all([
    import('../../io/files.js'),
    import('../../io/assets.js'),
  ]);
  if (options.rules !== undefined) {
    const { assertAgentRules } = await import('../../policy/kata/read-rules.js');
    const rules = await readTextFile(options.rules);
    assertAgentRules(rules, options.rules);
    return rules;
  }
  if (guest.rulesFile !== undefined) return readAsset(`kata/rules/${guest.rulesFile}`);
  throw new ToolError('USAGE_CONFLICT', `there are no bundled rules for guest ${guest.id} yet`, {
    hints: ['name the rules file of that guest with --rules FILE'],
  });
}

interface Delivery extends PolicyRun {
  readonly request: KataRequest;
  readonly policies: readonly GeneratedPolicy[];
}

/** Compares what the manifests hold with the policies; nothing is written. */
async function check(delivery: Delivery): Promise<void> {
  const { files, request, policies } = delivery;
  const [{ checkedKataPolicies }, { printCheck }] = await Promise.all([
    import('../../pipeline/review.js'),
    import('./check.js'),
  ]);
  const manifests = request.inputs.slice(0, files.length);
  await printCheck(checkedKataPolicies(manifests, policies), delivery);
}

/** Gives the product in the forms that are wanted. */
async function deliver({ files, options, request, policies, terminal }: Delivery): Promise<void> {
  const [{ deliverPolicies }, { writePolicies }] = await Promise.all([
    import('./deliver.js'),
    import('../../pipeline.js'),
  ]);
  await deliverPolicies({
    forms: options,
    terminal,
    policies: policies.map((one) => ({
      ...one,
      workload: { ...one.workload, name: one.workload.name ?? one.workload.generateName },
    })),
    manifests: async () => {
      warnOfNone(policies, terminal);
      return request.inputs.slice(0, files.length).map((input) => ({
        file: input.file,
        target: options.output ?? input.file,
        before: input.text,
        text: writePolicies(input, policies),
      }));
    },
    workloads: () => policies.map((one) => asJson(one, request.guest)),
  });
}

function warnOfNone(policies: readonly GeneratedPolicy[], terminal: Terminal): void {
  if (policies.length > 0) return;
  terminal.notice({ code: 'no-workload', message: 'no workload of the manifest gets a policy' });
}

function asJson(
  { workload, policy, initdata, measurement, key, images }: GeneratedPolicy,
  guest: KataGuest,
) {
  const { file, document, path } = workload.placement;
  return {
    kind: workload.kind,
    name: workload.name ?? workload.generateName,
    namespace: workload.namespace,
    target: guest.target,
    guest: guest.id,
    policy,
    initdata,
    measurement,
    placement: { file, document, path, key },
    images,
  };
}
