/** Attestations that several releases share: who joins which, in any order of arrivals and ends. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JOIN_MS, SharedAttestations } from '../../../src/pipeline/sidecar/shared-attestation.js';

/** One attestation as the model sees it. */
interface Made {
  readonly service: string;
  readonly begun: number;
  /** Undefined while it is under way. */
  outcome: 'good' | 'failed' | undefined;
  readonly end: (outcome: 'good' | 'failed') => void;
}

/** A caller, the attestation that it has to get, and what it got. */
interface Caller {
  readonly wanted: Made;
  got: Made | Error | undefined;
}

/** The shared attestations beside a plain model of them. */
class World {
  readonly made: Made[] = [];
  readonly callers: Caller[] = [];
  private now = 0;
  private readonly shared = new SharedAttestations<Made>(() => this.now);

  wait(milliseconds: number): void {
    this.now += milliseconds;
  }

  arrive(service: string): void {
    const before = this.made.length;
    const newest = this.made.findLast((each) => each.service === service);
    const outcome = this.shared.of(service, () => this.attest(service));
    const joins =
      newest !== undefined && newest.outcome === undefined && this.now - newest.begun < JOIN_MS;
    expect(this.made.length).toBe(joins ? before : before + 1);
    const caller: Caller = { wanted: joins ? newest : this.made.at(-1)!, got: undefined };
    this.callers.push(caller);
    outcome.then(
      (got) => {
        caller.got = got;
      },
      (error: Error) => {
        caller.got = error;
      },
    );
  }

  /** Ends one that is under way, whichever; all who wait hear of it. */
  async end(pick: number, outcome: 'good' | 'failed'): Promise<void> {
    const running = this.running();
    const [one] = running.slice(pick % Math.max(running.length, 1));
    if (one === undefined) return;
    one.outcome = outcome;
    one.end(outcome);
    await new Promise(setImmediate);
    for (const { wanted, got } of this.callers) {
      if (wanted === one) expect(got).toBeDefined();
    }
  }

  running(): readonly Made[] {
    return this.made.filter(({ outcome }) => outcome === undefined);
  }

  private attest(service: string): Promise<Made> {
    return new Promise((done, failed) => {
      const made: Made = {
        service,
        begun: this.now,
        outcome: undefined,
        end: (outcome) => (outcome === 'good' ? done(made) : failed(new Error(service))),
      };
      this.made.push(made);
    });
  }
}

type Step =
  | { readonly kind: 'arrive'; readonly service: string }
  | { readonly kind: 'end'; readonly pick: number; readonly outcome: 'good' | 'failed' }
  | { readonly kind: 'wait'; readonly milliseconds: number };

const STEP = fc.oneof(
  fc.record({ kind: fc.constant('arrive' as const), service: fc.constantFrom('a', 'b') }),
  fc.record({
    kind: fc.constant('end' as const),
    pick: fc.nat(20),
    outcome: fc.constantFrom('good' as const, 'failed' as const),
  }),
  fc.record({
    kind: fc.constant('wait' as const),
    milliseconds: fc.constantFrom(10, JOIN_MS - 1, JOIN_MS),
  }),
);

async function play(steps: readonly Step[]): Promise<World> {
  const world = new World();
  for (const step of steps) {
    if (step.kind === 'arrive') world.arrive(step.service);
    if (step.kind === 'wait') world.wait(step.milliseconds);
    if (step.kind === 'end') await world.end(step.pick, step.outcome);
  }
  return world;
}

describe('attestations that are shared', () => {
  it('go to those alone who came for their service while they were under way', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(STEP, { maxLength: 60, size: 'max' }), async (steps) => {
        const world = await play(steps);
        // Who still waits, waits for one that is under way; none is left hanging when all have ended.
        while (world.running().length > 0) await world.end(0, 'good');
        for (const { wanted, got } of world.callers) {
          if (wanted.outcome === 'good') expect(got).toBe(wanted);
          else expect(got).toEqual(new Error(wanted.service));
        }
      }),
      { seed: 20, numRuns: 300 },
    );
  });

  it('are one for each service at a time, but for one that takes long', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(STEP, { maxLength: 60, size: 'max' }), async (steps) => {
        const { made, callers } = await play(steps);
        expect(made.length).toBeLessThanOrEqual(callers.length);
        for (const service of ['a', 'b']) {
          const open = made.filter((each) => each.service === service && !each.outcome);
          const begun = open.map((each) => each.begun);
          const gaps = begun.slice(1).map((time, index) => time - begun[index]!);
          expect(gaps.every((gap) => gap >= JOIN_MS)).toBe(true);
        }
      }),
      { seed: 21, numRuns: 300 },
    );
  });

  it('are not joined by one who comes as soon as the first hears of the end', async () => {
    for (const end of ['good', 'failed'] as const) {
      const shared = new SharedAttestations<number>(() => 0);
      let count = 0;
      const attest = async () => {
        count += 1;
        if (end === 'failed' && count === 1) throw new Error('first');
        return count;
      };
      const again = () => shared.of('a', attest);
      const [first, joined] = [shared.of('a', attest), shared.of('a', attest)];
      expect(await first.then(again, again)).toBe(2);
      expect(await joined.catch((error: Error) => error.message)).toBe(
        end === 'good' ? 1 : 'first',
      );
    }
  });

  it('go on for the others when one stops waiting', async () => {
    const shared = new SharedAttestations<string>(() => 0);
    let end: (value: string) => void = () => undefined;
    const attest = () =>
      new Promise<string>((done) => {
        end = done;
      });
    const impatient = Promise.race([shared.of('a', attest), Promise.resolve('gone')]);
    const patient = shared.of('a', attest);
    expect(await impatient).toBe('gone');
    end('attested');
    expect(await patient).toBe('attested');
  });
});
