/** Runs `podseal key release`: one release inside a guest, without a side-car. */
import { type CommandContext, readOutputOptions } from '../context.js';
import { type GuestOptions, openGuest } from '../guest-options.js';

export interface ReleaseOptions extends GuestOptions {
  readonly vault: string;
  readonly authority: string;
  readonly output?: string;
}

/** Released keys are for their owner alone. */
const SECRET_MODE = 0o600;

export async function runRelease(
  kid: string,
  options: ReleaseOptions,
  context: CommandContext,
): Promise<void> {
  const terminal = context.terminal(
    readOutputOptions(options as unknown as Record<string, unknown>),
  );
  const [{ openKeyPool }, { releaseKey }, { writeFileAtomic }, { keepOutOfCore }] =
    await Promise.all([
      import('../../io/services/key-pool.js'),
      import('../../pipeline/sidecar/release.js'),
      import('../../io/files.js'),
      import('../../io/crash.js'),
    ]);
  keepOutOfCore();
  const guest = await openGuest(options, openKeyPool(0).take);
  try {
    if (guest.fake) {
      const message = 'the evidence is made up: it proves nothing';
      terminal.notice({ code: 'made-up-evidence', message });
    }
    const jwk = await releaseKey(guest.ports, {
      attestationService: options.authority,
      vault: options.vault,
      kid,
    });
    if (options.output === undefined) return await terminal.product(`${jwk}\n`);
    await writeFileAtomic(options.output, `${jwk}\n`, SECRET_MODE);
    terminal.info(`wrote ${options.output}: the released key, readable by you alone`);
  } finally {
    await guest.close();
  }
}
