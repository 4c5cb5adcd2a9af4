/**
 * User and groups of a process (spec kata-policy-data section 8.5): the image's User, then the settings, the pod and
 * the container, each guest by its own rules.
 */
import { ToolError } from '../../core/error.js';
import type { NoticeSink } from '../../core/notice.js';
import type { Container, PodSecurityContext } from '../../workload/pod.js';
import { type ContainerContext, noteDefect } from './context.js';
import type { UserData } from './data.js';
import type { UserRules } from './guests.js';
import {
  combineUserFiles,
  openUserDatabase,
  parseUserId,
  type UserDatabase,
} from './user-files.js';

/** The image's User resolved; `gid` absent: none was found, which counts as 0. */
interface ImageUser {
  readonly uid: number;
  readonly gid?: number;
}

interface ImageUserQuery {
  readonly user: string;
  readonly database: UserDatabase;
  readonly isPause: boolean;
  readonly image: string;
  readonly notices: NoticeSink;
}

/** User and groups while they are worked out. */
interface Draft {
  uid: number;
  gid: number;
  groups: Set<number>;
}

const ROOT: ImageUser = { uid: 0 };

/** How each guest reads the User field of an image that has one. */
const IMAGE_USERS: Readonly<Record<UserRules['imageUser'], (query: ImageUserQuery) => ImageUser>> =
  {
    numbers: numericUser,
    'passwd-names': userWithNames,
    'passwd-group': (query) => userWithPasswdGroup(query),
    'passwd-group-pause-own': (query) => {
      const user = userWithPasswdGroup(query);
      const parts = query.user.split(':');
      if (!query.isPause || parts.length !== 2) return user;
      const own = parseUserId(parts[1] ?? '') ?? query.database.groupByName(parts[1] ?? '')?.gid;
      return own === undefined ? { uid: user.uid } : { uid: user.uid, gid: own };
    },
  };

/** Process.User of a container. Throws IMAGE_USER_UNRESOLVED. */
export function buildUser(context: ContainerContext): UserData {
  const database = openDatabase(context);
  const imageUser = resolveImageUser(context, database);
  const { groups } = context.guest.users;
  return groups === 'from-settings'
    ? userWithSettingsGroups(context, imageUser)
    : userWithGroups(context, imageUser, database);
}

function openDatabase(context: ContainerContext): UserDatabase {
  const { users } = context.guest;
  const isOff = users.filesOffWithGuestPull && context.settings.guestPull;
  const name = context.image.image.reference;
  const texts = combineUserFiles(context.image.layers, isOff ? 'none' : users.files, name);
  return openUserDatabase(texts, name, context.notices);
}

function resolveImageUser(context: ContainerContext, database: UserDatabase): ImageUser {
  const { config, reference } = context.image.image;
  if (config.user === undefined || config.user === '') return ROOT;
  return IMAGE_USERS[context.guest.users.imageUser]({
    user: config.user,
    database,
    isPause: context.isPause,
    image: reference,
    notices: context.notices,
  });
}

/** Numbers only; a name counts as root, with a notice. */
function numericUser({ user, image, notices }: ImageUserQuery): ImageUser {
  const [first = '', second] = user.split(':');
  const uid = parseUserId(first);
  const gid = second === undefined ? undefined : parseUserId(second);
  if (second === undefined || gid !== undefined) {
    if (uid === undefined) {
      notices({
        code: 'image-user-is-root',
        message: `user ${user} of the image counts as user 0: this guest version does not resolve names`,
        where: image,
      });
    }
    return gid === undefined ? { uid: uid ?? 0 } : { uid: uid ?? 0, gid };
  }
  throw new ToolError('IMAGE_USER_UNRESOLVED', `user ${user} of the image is not numeric`, {
    where: image,
    want: 'UID:GID in numbers: this guest version does not resolve names',
    hints: ['set USER to numbers in the image', 'generate for a guest that resolves names'],
  });
}

/** A name is looked up; in UID:GID what is not a number counts as 0. */
function userWithNames({ user, database }: ImageUserQuery): ImageUser {
  const parts = user.split(':');
  const [first = '', second = ''] = parts;
  if (parts.length === 2) return { uid: parseUserId(first) ?? 0, gid: parseUserId(second) ?? 0 };
  if (parts.length > 2) return ROOT;
  const uid = parseUserId(first);
  return uid === undefined ? (database.userByName(first) ?? ROOT) : { uid };
}

/** The user by number or name, its group by /etc/passwd; the image's own group does not count. */
function userWithPasswdGroup({ user, database }: ImageUserQuery): ImageUser {
  const parts = user.split(':');
  if (parts.length > 2) return ROOT;
  const [first = ''] = parts;
  const uid = parseUserId(first) ?? database.userByName(first)?.uid ?? 0;
  const gid = database.userById(uid)?.gid;
  return gid === undefined ? { uid } : { uid, gid };
}

/** The reference of family C does not look at the pod's user in a CronJob. */
function isUserForgotten(context: ContainerContext): boolean {
  const { asReference, container, guest, isPause, workload } = context;
  if (!asReference || guest.family !== 'C' || workload.kind !== 'CronJob') return false;
  if (workload.pod.securityContext?.runAsUser === undefined) return false;
  if (!isPause && container.securityContext?.runAsUser === undefined) {
    noteDefect(context, 'runAsUser of the pod is left out of a CronJob');
  }
  return true;
}

/** Families C and V: groups are those of the settings. */
function userWithSettingsGroups(context: ContainerContext, imageUser: ImageUser): UserData {
  const { user } = context.own;
  const pod = isUserForgotten(context) ? undefined : context.workload.pod.securityContext;
  const own = context.container.securityContext;
  return {
    UID: own?.runAsUser ?? pod?.runAsUser ?? (imageUser.uid || (user?.UID ?? 0)),
    GID: imageUser.gid || (user?.GID ?? 0),
    AdditionalGids: user?.AdditionalGids ?? [],
    Username: user?.Username ?? '',
  };
}

/** Families M and U: groups of the image, the pod, the container and /etc/group. */
function userWithGroups(
  context: ContainerContext,
  imageUser: ImageUser,
  database: UserDatabase,
): UserData {
  const rules = context.guest.users;
  const settingsUser = rules.settingsUser ? context.own.user : undefined;
  const keepsEvery = rules.groups === 'every-gid';
  const draft: Draft = {
    uid: imageUser.uid || (settingsUser?.UID ?? 0),
    gid: (imageUser.gid ?? 0) || (settingsUser?.GID ?? 0),
    groups: new Set(keepsEvery ? imageGroups(context, imageUser) : settingsUser?.AdditionalGids),
  };
  applyPod(draft, context.workload.pod.securityContext, database, keepsEvery);
  if (!keepsEvery || takesPodGroups(context)) addPodGroups(draft, context);
  applyContainer(draft, context.container, database, keepsEvery);
  addMemberships(draft, database);
  if (!keepsEvery) {
    if (context.isPause) draft.groups.clear();
    draft.groups.add(draft.gid);
  }
  return {
    UID: draft.uid,
    GID: draft.gid,
    AdditionalGids: [...draft.groups].sort((a, b) => a - b),
    Username: settingsUser?.Username ?? '',
  };
}

function imageGroups(context: ContainerContext, imageUser: ImageUser): readonly number[] {
  const found = imageUser.gid === undefined ? [] : [imageUser.gid];
  return context.isPause ? found : [...found, imageUser.gid ?? 0];
}

/** runAsUser takes its group from /etc/passwd, unless runAsGroup states one. */
function applyPod(
  draft: Draft,
  pod: PodSecurityContext | undefined,
  database: UserDatabase,
  keepsEvery: boolean,
): void {
  draft.uid = pod?.runAsUser ?? draft.uid;
  if (pod?.runAsUser === undefined && pod?.runAsGroup === undefined) return;
  draft.gid = pod.runAsGroup ?? database.userById(draft.uid)?.gid ?? 0;
  if (keepsEvery) draft.groups = new Set([draft.gid]);
}

/** The pause container takes the pod's groups only where nothing else states its user. */
function takesPodGroups(context: ContainerContext): boolean {
  const pod = context.workload.pod.securityContext;
  const imageUser = context.image.image.config.user ?? '';
  const isStated =
    imageUser !== '' || pod?.runAsUser !== undefined || pod?.runAsGroup !== undefined;
  return !context.isPause || !isStated;
}

function addPodGroups(draft: Draft, context: ContainerContext): void {
  const pod = context.workload.pod.securityContext;
  if (pod?.fsGroup !== undefined) draft.groups.add(pod.fsGroup);
  for (const gid of pod?.supplementalGroups ?? []) draft.groups.add(gid);
}

function applyContainer(
  draft: Draft,
  container: Container,
  database: UserDatabase,
  keepsEvery: boolean,
): void {
  const { runAsUser, runAsGroup } = container.securityContext ?? {};
  if (runAsUser !== undefined) {
    draft.uid = runAsUser;
    draft.gid = database.userById(runAsUser)?.gid ?? draft.gid;
    if (keepsEvery) draft.groups.add(draft.gid);
  }
  if (runAsGroup !== undefined) {
    draft.gid = runAsGroup;
    if (keepsEvery) draft.groups.add(draft.gid);
  }
}

/** Groups of /etc/group that list the user, but for the one of the same name. */
function addMemberships(draft: Draft, database: UserDatabase): void {
  const user = database.userById(draft.uid);
  if (user === undefined) return;
  for (const group of database.groupsWith(user.name)) {
    if (group.name !== user.name) draft.groups.add(group.gid);
  }
}
