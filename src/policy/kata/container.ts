/** One container entry of the policy document (spec kata-policy-data section 6.1). */
import { buildAnnotations } from './annotations.js';
import { buildExecCommands } from './args.js';
import { type ContainerContext, hasReadOnlyRoot } from './context.js';
import type { ContainerData } from './data.js';
import { checkGuestPull } from './guest-pull.js';
import { buildDevices, buildLinux, buildRuntimeAnnotations } from './linux.js';
import { buildMounts, type MountPlan } from './mounts.js';
import { buildProcess } from './process.js';
import { buildLayerStorages } from './storages.js';
import { addVolumes } from './volumes.js';

/** The entry of the container of `context`. Throws what its parts throw. */
export function buildContainer(context: ContainerContext): ContainerData {
  const { guest, own, isPause, workload } = context;
  const process = buildProcess(context);
  checkGuestPull(context, process.User);
  const plan: MountPlan = {
    context,
    mounts: buildMounts(context),
    storages: [...buildLayerStorages(context)],
  };
  addVolumes(plan);
  return {
    OCI: {
      Version: context.settings.ociVersion,
      Process: process,
      Root: { Path: own.rootPath, Readonly: hasReadOnlyRoot(context.container) },
      Mounts: plan.mounts.mounts,
      Annotations: buildAnnotations(context),
      Linux: buildLinux(context),
    },
    storages: plan.storages,
    devices: buildDevices(context),
    sandbox_pidns: !isPause && workload.pod.shareProcessNamespace,
    exec_commands: buildExecCommands(context),
    env_map: guest.process.envMap ? mapVariables(process.Env ?? []) : undefined,
    runtime_anno_patterns: buildRuntimeAnnotations(context),
  };
}

/** Variables by name, split at the first `=`; the last of equal names wins, texts without `=` are left out. */
function mapVariables(env: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    env
      .filter((text) => text.includes('='))
      .map((text) => {
        const at = text.indexOf('=');
        return [text.slice(0, at), text.slice(at + 1)];
      }),
  );
}
