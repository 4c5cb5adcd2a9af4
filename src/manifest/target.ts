/** Infers the target of policy generation from the manifests, where `--target` does not name it. */
import { ToolError } from '../core/error.js';
import { refuseBicep } from './arm/parse.js';
import { listWorkloads } from './kubernetes/objects.js';
import {
  childOf,
  contentOf,
  keyText,
  type YamlContent,
  type YamlDocument,
  type YamlNode,
} from './yaml/node.js';
import { parseYaml } from './yaml/parse.js';

export type Target = 'aci' | 'vn2' | 'aks' | 'kata';

const TARGETS: Readonly<Record<Target, string>> = {
  aci: 'ARM template or JSON configuration of Azure Container Instances',
  vn2: 'pods on ACI virtual nodes',
  aks: 'pods on AKS, runtime class kata-cc...',
  kata: 'pods on upstream kata containers, other runtime classes kata...',
};

/** ARM templates may hold comments, so they are known by their schema and not by parsing them. */
const ARM_TEMPLATE = /"\$schema"\s*:\s*"[^"]*deploymentTemplate\.json/i;
/** Marks of a pod for ACI virtual nodes: keys and values of metadata, node selector and tolerations. */
const VIRTUAL_NODE =
  /^(?:microsoft\.containerinstance\.virtualnode\.|virtual-kubelet\.io\/|virtualnode2?$|virtual-kubelet$)/;

/** True for the text of an ARM template: it names the schema of one. */
export function isArmTemplate(text: string): boolean {
  return ARM_TEMPLATE.test(text);
}

/**
 * The target of all manifests. Throws MANIFEST_TARGET_UNKNOWN if they name none or more than one, and what
 * refuseBicep and parseYaml throw.
 */
export function inferTarget(
  manifests: readonly { readonly file: string; readonly text: string }[],
): Target {
  const found = new Map<Target, string>();
  for (const { file, text } of manifests) {
    refuseBicep(text, file);
    if (isArmTemplate(text)) found.set('aci', file);
    else for (const target of parseYaml(text, file).flatMap(targetsOf)) found.set(target, file);
  }
  const [only, ...others] = found.keys();
  if (only !== undefined && others.length === 0) return only;
  throw new ToolError(
    'MANIFEST_TARGET_UNKNOWN',
    'the target cannot be inferred from the manifest',
    {
      got:
        found.size === 0
          ? 'no runtimeClassName kata..., no mark of a virtual node, no ARM template'
          : [...found].map(([target, file]) => `${target} (${file})`).join(', '),
      want: '--target TARGET',
      hints: Object.entries(TARGETS).map(([target, meaning]) => `--target ${target}: ${meaning}`),
    },
  );
}

function targetsOf(document: YamlDocument): readonly Target[] {
  if (isAciConfiguration(document.root)) return ['aci'];
  return listWorkloads(document).flatMap(({ placement }) => {
    const pod = nodeAt(document.root, placement.path.slice(0, -2));
    const target = pod === undefined ? undefined : targetOfPod(pod);
    return target === undefined ? [] : [target];
  });
}

/** The JSON configuration of an ACI policy: containers, and no Kubernetes object. */
function isAciConfiguration(root: YamlNode): boolean {
  return childOf(root, 'containers') !== undefined && childOf(root, 'kind') === undefined;
}

/** What stands at a path of keys and indexes, aliases resolved. */
export function nodeAt(
  root: YamlNode,
  path: readonly (string | number)[],
): YamlContent | undefined {
  return path.reduce<YamlContent | undefined>((node, step) => {
    if (typeof step === 'string') return childOf(node, step);
    const item = node?.kind === 'sequence' ? node.items[step] : undefined;
    return item === undefined ? undefined : contentOf(item);
  }, contentOf(root));
}

/** The target that a pod (template) shows by its runtime class or marks; undefined if none. */
export function targetOfPod(pod: YamlContent): Target | undefined {
  const spec = childOf(pod, 'spec');
  const runtimeClass = childOf(spec, 'runtimeClassName');
  const name = runtimeClass?.kind === 'scalar' ? runtimeClass.text : '';
  if (name.startsWith('kata-cc')) return 'aks';
  const metadata = childOf(pod, 'metadata');
  const marked = [
    childOf(metadata, 'annotations'),
    childOf(metadata, 'labels'),
    childOf(spec, 'nodeSelector'),
    childOf(spec, 'tolerations'),
  ].flatMap((node) => (node === undefined ? [] : textsOf(node)));
  if (marked.some((text) => VIRTUAL_NODE.test(text))) return 'vn2';
  return name.startsWith('kata') ? 'kata' : undefined;
}

/** Keys and values of a small tree. */
function textsOf(node: YamlNode): readonly string[] {
  const content = contentOf(node);
  if (content.kind === 'scalar') return [content.text];
  if (content.kind === 'sequence') return content.items.flatMap(textsOf);
  return content.entries.flatMap((entry) => [keyText(entry) ?? '', ...textsOf(entry.value)]);
}
