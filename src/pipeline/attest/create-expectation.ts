/** Measurements and wishes -> an expectation, with a word about what it leaves open. */
import { type Expectation, readExpectation } from '../../attest/expectation.js';
import { UVM_PUBLISHERS } from '../../attest/uvm-publishers.js';
import { ToolError } from '../../core/error.js';
import type { JsonValue } from '../../core/json.js';
import type { NoticeSink } from '../../core/notice.js';

/** What was asked for: members of the expectation as JSON, the lists of TCBs as `LINE:part=level,...`. */
export interface ExpectationWishes {
  readonly members: Readonly<Record<string, JsonValue | undefined>>;
  readonly minimumTcb: readonly string[];
  readonly minimumLaunchTcb: readonly string[];
  readonly uvm: UvmWishes;
}

export interface UvmWishes {
  /** Short name of a publisher. */
  readonly publisher?: string;
  readonly issuer?: string;
  readonly feed?: string;
  readonly minimumSvn?: number;
}

/** The expectation, read back by the reader that verification uses. Throws EXPECTATION_INVALID and USAGE_CONFLICT. */
export function createExpectation(wishes: ExpectationWishes, notices: NoticeSink): Expectation {
  const members: Readonly<Record<string, JsonValue | undefined>> = {
    format: 'podseal.expectation/v1',
    ...wishes.members,
    minimumTcb: readTcbs(wishes.minimumTcb, '--minimum-tcb'),
    minimumLaunchTcb: readTcbs(wishes.minimumLaunchTcb, '--minimum-launch-tcb'),
    uvm: readUvm(wishes.uvm),
  };
  const present = Object.entries(members).filter(([, value]) => value !== undefined);
  const expectation = readExpectation(
    Object.fromEntries(present) as Readonly<Record<string, JsonValue>>,
    'the expectation',
  );
  noteOpen(expectation, notices);
  return expectation;
}

const TCB =
  /^(Milan|Genoa|Turin):((?:fmc|bl|tee|snp|ucode)=\d{1,3}(?:,(?:fmc|bl|tee|snp|ucode)=\d{1,3})*)$/;

/** `Milan:bl=4,snp=24` of each line -> the object of the expectation. */
function readTcbs(texts: readonly string[], flag: string): JsonValue | undefined {
  const lines: Record<string, JsonValue> = {};
  for (const text of texts) {
    const [, line, parts] = TCB.exec(text) ?? [];
    const levels = (parts ?? '').split(',').map((part) => part.split('='));
    const names = new Set(levels.map(([name]) => name));
    if (line === undefined || names.size !== levels.length || Object.hasOwn(lines, line)) {
      throw new ToolError('USAGE_CONFLICT', `${flag} does not fit`, {
        want: `${flag} Milan:bl=4,tee=0,snp=24,ucode=219 (once for each of Milan, Genoa, Turin)`,
        got: text.slice(0, 200),
      });
    }
    lines[line] = Object.fromEntries(levels.map(([name, level]) => [name, Number(level)]));
  }
  return texts.length === 0 ? undefined : lines;
}

function readUvm(wishes: UvmWishes): JsonValue | undefined {
  const { publisher, issuer, feed, minimumSvn } = wishes;
  const known = Object.entries(UVM_PUBLISHERS).find(([name]) => name === publisher)?.[1];
  if (publisher !== undefined && known === undefined) {
    throw new ToolError('USAGE_CONFLICT', 'there is no publisher of this name', {
      want: `--uvm ${Object.keys(UVM_PUBLISHERS).join(', ')}, or --uvm-issuer and --uvm-feed`,
      got: publisher,
    });
  }
  const asked = [publisher, issuer, feed, minimumSvn].some((wish) => wish !== undefined);
  if (!asked) return undefined;
  const uvm = { issuer: issuer ?? known?.issuer, feed: feed ?? known?.feed, minimumSvn };
  if (uvm.issuer !== undefined && uvm.feed !== undefined && uvm.minimumSvn !== undefined) {
    return { issuer: uvm.issuer, feed: uvm.feed, minimumSvn: uvm.minimumSvn };
  }
  throw new ToolError('USAGE_CONFLICT', 'an endorsement needs issuer, feed and lowest version', {
    want: '--uvm aci or --uvm-issuer and --uvm-feed, and --uvm-minimum-svn',
  });
}

/** Says which doors an expectation leaves open that a deployment should close. */
export function noteOpen(expectation: Expectation, notices: NoticeSink): void {
  const { minimumTcb, launchMeasurements, uvm, allowDebug, skip = [] } = expectation;
  const open = [
    {
      code: 'any-policy',
      is: skip.includes('host-data'),
      message: 'no policy is asked for: a guest with any policy is accepted',
    },
    {
      code: 'no-minimum-tcb',
      is: minimumTcb === undefined,
      message: 'no lowest TCB is asked for: firmware with known holes is accepted',
    },
    {
      code: 'any-launch-measurement',
      is: launchMeasurements === undefined && uvm === undefined,
      message:
        'neither launch measurements nor an endorsement are asked for: any guest image is accepted, one that does not enforce its policy too',
    },
    {
      code: 'debuggable-guests',
      is: allowDebug === true,
      message: 'guests that the host may debug are accepted: it can read their memory',
    },
  ];
  for (const { code, message } of open.filter(({ is }) => is)) notices({ code, message });
}
