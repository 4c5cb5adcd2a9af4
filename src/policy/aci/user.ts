/** User and groups of a container (aci policy 6.6). */
import { type DataMap, mapOf } from '../../core/data.js';
import type { GroupSecurity } from '../../workload/container-group.js';
import { ANY_ID, UMASK } from './constants.js';

/** The ids of the input; without any of them those of the image, which names a user or `USER:GROUP`. */
export function buildUser(
  { runAsUser, runAsGroup }: Pick<GroupSecurity, 'runAsUser' | 'runAsGroup'>,
  imageUser = '',
): DataMap {
  if (runAsUser !== undefined || runAsGroup !== undefined || imageUser === '') {
    return userOf(numbered(runAsUser), numbered(runAsGroup));
  }
  const colon = imageUser.indexOf(':');
  if (colon === -1) return userOf(named(imageUser), ANY_ID);
  return userOf(named(imageUser.slice(0, colon)), named(imageUser.slice(colon + 1)));
}

function userOf(user: DataMap, group: DataMap): DataMap {
  return mapOf({ group_idnames: [group], umask: UMASK, user_idname: user });
}

function numbered(id: bigint | undefined): DataMap {
  return id === undefined ? ANY_ID : mapOf({ pattern: id.toString(), strategy: 'id' });
}

function named(part: string): DataMap {
  return mapOf({ pattern: part, strategy: /^[0-9]+$/.test(part) ? 'id' : 'name' });
}
