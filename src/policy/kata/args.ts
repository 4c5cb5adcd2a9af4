/** Arguments and exec commands of a container (spec kata-policy-data sections 8.3 and 8.8). */
import type { ContainerContext } from './context.js';
import type { ContainerData } from './data.js';
import type { ProcessRules } from './guests.js';

/**
 * Command line before references are resolved: `command` or the image's Entrypoint, then `args`, or the image's Cmd if
 * there is neither. An empty list counts as given, as in the reference.
 */
export function buildArgs(context: ContainerContext): readonly string[] {
  const { command, args } = context.container;
  const { entrypoint, cmd } = context.image.image.config;
  const isFromImage = command === undefined && args === undefined;
  return [...(command ?? entrypoint ?? []), ...(args ?? []), ...(isFromImage ? (cmd ?? []) : [])];
}

/** `list`, then what of `more` is not in it. */
export function addMissing(list: readonly string[], more: readonly string[]): readonly string[] {
  const known = new Set(list);
  return [...list, ...more.filter((text) => !known.has(text) && known.add(text))];
}

type ExecCommands = ContainerData['exec_commands'];

const EXEC_COMMANDS: Readonly<
  Record<ProcessRules['execCommands'], (commands: readonly (readonly string[])[]) => ExecCommands>
> = {
  joined: (commands) => commands.map((words) => words.join(' ')),
  words: (commands) => commands,
};

/** Commands of probes and hooks, in the guest's form. */
export function buildExecCommands(context: ContainerContext): ExecCommands {
  return EXEC_COMMANDS[context.guest.process.execCommands](context.container.execCommands);
}
