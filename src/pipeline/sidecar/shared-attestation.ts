/**
 * One attestation for releases that come at the same time. A release needs a token of the attestation service that names a
 * key pair of this guest; it does not matter which pair, as long as nobody else has it. So releases that name the same
 * service while one is being attested wait for that one: one pair, one report, one token for all of them.
 *
 * Why this is as strict as a pair for each release:
 * - Nothing is kept. Once an attestation has ended, well or not, no further release gets it: the next one makes its own.
 *   Pair and token are held by the releases that waited for them and by nobody else, and go when the last of them ends.
 * - The token lets nobody but this guest have a key: it names the pair, and a vault wraps what it releases for that pair.
 *   A vault that has seen the token of a group can do no more with it than one that has seen the token of one release.
 * - The answer of a vault is held against the nonce, the key and the mechanism of its own request, and is signed by the
 *   vault: the answer to another release of the group is refused although it could be unwrapped.
 * - What differs between callers is not shared: access tokens, keys and vaults are of each request, and so is the runtime
 *   data of those who ask for a token of their own.
 * The attestation service, which counts requests, sees fewer of them.
 */

/**
 * Milliseconds from the beginning of an attestation for which others may join it: long enough for a burst, short enough
 * that a service that hangs does not take those along who come later.
 */
export const JOIN_MS = 1_000;

interface Open<T> {
  readonly outcome: Promise<T>;
  /** No one joins from this time on. */
  readonly until: number;
}

/** The attestations of `T` that others may still join, by service. Safe for any number of calls at once. */
export class SharedAttestations<T> {
  private readonly open = new Map<string, Open<T>>();
  private readonly milliseconds: () => number;

  /** `milliseconds` from any starting point that does not jump. */
  constructor(milliseconds: () => number) {
    this.milliseconds = milliseconds;
  }

  /**
   * What an attestation for `service` gives: of one that is under way, or else of `attest`. Throws what it throws, to all
   * who wait for it. It goes on although a caller stops waiting: the others still do.
   */
  of(service: string, attest: () => Promise<T>): Promise<T> {
    const now = this.milliseconds();
    const found = this.open.get(service);
    if (found !== undefined && now < found.until) return found.outcome;
    const until = now + JOIN_MS;
    // Closed before anyone hears of its end, so that nobody joins one that has ended.
    const own: Open<T> = { until, outcome: attest().finally(() => this.close(service, own)) };
    this.open.set(service, own);
    return own.outcome;
  }

  private close(service: string, ended: Open<T>): void {
    if (this.open.get(service) === ended) this.open.delete(service);
  }
}
