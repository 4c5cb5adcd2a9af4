/** Pod workloads made by hand, for tests of what lies behind the manifest reader. */
import type { DiffId, Digest, RootHash } from '../../src/core/digest.js';
import type { Notice } from '../../src/core/notice.js';
import type { ImageConfig, UserFileEntry } from '../../src/image/types.js';
import type { ResolvedImage } from '../../src/policy/kata/context.js';
import type { ContainerData } from '../../src/policy/kata/data.js';
import { buildKataPolicyData } from '../../src/policy/kata/document.js';
import { applyDropIns } from '../../src/policy/kata/drop-ins.js';
import type { KataFamily } from '../../src/policy/kata/guests.js';
import { type KataSettings, parseSettings } from '../../src/policy/kata/settings.js';
import type {
  Attachments,
  Container,
  EnvSource,
  EnvVar,
  PodSpec,
  PodWorkload,
  Volume,
  VolumeMount,
  VolumeSource,
} from '../../src/workload/pod.js';
import { guestOf, ownSettingsText } from './kata-golden.js';

export const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Accounts of the worked examples. */
export const PASSWD = [
  'root:x:0:0:root:/root:/bin/sh',
  'app:x:1000:1001:App:/home/app:/bin/false',
  'ops:x:1002:1003::/:/bin/sh',
].join('\n');
export const GROUP = [
  'root:x:0:',
  'wheel:x:10:app,ops',
  'audio:x:63:app',
  'app:x:1001:app',
  'ops:x:1003:',
].join('\n');

export function containerOf(fields: Partial<Container> = {}): Container {
  return {
    name: 'c',
    image: 'busybox:1.36',
    env: [],
    envFrom: [],
    volumeMounts: [],
    volumeDevices: [],
    execCommands: [],
    at: 'pod.yaml:5:5 spec.containers[0]',
    imageAt: 'pod.yaml:6:12 spec.containers[0].image',
    ...fields,
  };
}

export function variable(name: string, source: EnvSource | string): EnvVar {
  return {
    name,
    source: typeof source === 'string' ? { kind: 'value', value: source } : source,
    at: `pod.yaml:9:9 env.${name}`,
  };
}

export function volume(name: string, source: VolumeSource): Volume {
  return { name, source, at: `pod.yaml:20:5 volumes.${name}` };
}

export function mountOf(name: string, mountPath: string, fields: Partial<VolumeMount> = {}) {
  return { name, mountPath, at: `pod.yaml:12:7 volumeMounts.${name}`, ...fields };
}

export function podOf(pod: Partial<PodSpec>, fields: Partial<PodWorkload> = {}): PodWorkload {
  return {
    kind: 'Pod',
    name: 'p',
    annotations: new Map(),
    pod: {
      containers: [containerOf()],
      initContainers: [],
      volumes: [],
      hostNetwork: false,
      shareProcessNamespace: false,
      ...pod,
    },
    claimTemplates: [],
    placement: { file: 'pod.yaml', document: 0, path: ['metadata', 'annotations'] },
    at: 'pod.yaml:1:1',
    ...fields,
  };
}

export function userFile(
  file: UserFileEntry['file'],
  text: string,
  fields: Partial<UserFileEntry> = {},
): UserFileEntry {
  return { file, exactName: true, kind: 'text', text, ...fields };
}

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;

/** An image of layers with the diff IDs aaa..., bbb... and the root hashes 000..., 111...; base layer first. */
export function imageOf(
  reference: string,
  config: Partial<ImageConfig>,
  layers: readonly (readonly UserFileEntry[])[] = [[]],
): ResolvedImage {
  const letters = 'abcdef';
  return {
    image: {
      reference,
      config: { os: 'linux', architecture: 'amd64', env: [PATH], ...config },
      layers: layers.map((_layer, index) => ({
        blob: { mediaType: 'tar', digest: digest('2') as Digest, size: 1 },
        diffId: digest(letters[index] ?? 'f') as DiffId,
      })),
    },
    layers: layers.map((userFiles, index) => ({
      rootHashes: { tarfs: String(index).repeat(64) as RootHash },
      uncompressedSize: 1024,
      userFiles,
    })),
  };
}

export interface BuildOptions {
  readonly images?: Readonly<Record<string, ResolvedImage>>;
  readonly attachments?: Partial<Attachments>;
  /** JSON Patch operations on our own settings. */
  readonly patch?: readonly object[];
}

const PAUSE = imageOf('pause', { user: '65535:65535', entrypoint: ['/pause'] });
const BUSYBOX = imageOf('busybox', { cmd: ['sh'] });

/** Our own settings of a family, with changes. */
export function settingsOf(family: KataFamily, patch: readonly object[] = []): KataSettings {
  const guest = guestOf(family);
  const base = { file: guest.settingsFile, text: ownSettingsText(guest) };
  const text = applyDropIns(base, [{ file: 'test.json', text: JSON.stringify(patch) }]);
  return parseSettings(text, guest.settingsFile, guest);
}

/** The document of a workload with our own settings, and the notices that came with it. */
export function buildPolicy(family: KataFamily, workload: PodWorkload, options: BuildOptions = {}) {
  const notices: Notice[] = [];
  const settings = settingsOf(family, options.patch);
  const data = buildKataPolicyData({
    workload,
    attachments: { configMaps: [], secrets: [], claims: [], ...options.attachments },
    images: (reference) =>
      options.images?.[reference] ?? (reference === settings.pauseImage ? PAUSE : BUSYBOX),
    settings,
    guest: guestOf(family),
    notices: (notice) => notices.push(notice),
  });
  return { data, notices, codes: notices.map((notice) => notice.code) };
}

/** The entry of the only container of a pod (index 1: behind pause). */
export function buildOne(
  family: KataFamily,
  container: Partial<Container>,
  options: BuildOptions & { readonly pod?: Partial<PodSpec> } = {},
): ContainerData {
  const pod = podOf({ ...options.pod, containers: [containerOf(container)] });
  const entry = buildPolicy(family, pod, options).data.containers[1];
  if (entry === undefined) throw new Error('the document has no second container');
  return entry;
}
