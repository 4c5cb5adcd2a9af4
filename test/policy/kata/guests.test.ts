import { describe, expect, it } from 'vitest';
import { defaultKataGuest, findKataGuest, KATA_GUESTS } from '../../../src/policy/kata/guests.js';

describe('guests', () => {
  it('are found by name, and one is the default of each target', () => {
    expect(KATA_GUESTS.map((guest) => [guest.id, guest.family])).toEqual([
      ['azl3', 'C'],
      ['aks-3.15', 'V'],
      ['msft-main', 'M'],
      ['kata-4.1', 'U'],
    ]);
    expect(findKataGuest('msft-main').family).toBe('M');
    expect(defaultKataGuest('aks').id).toBe('azl3');
    expect(defaultKataGuest('kata').id).toBe('kata-4.1');
    for (const target of ['aks', 'kata'] as const) {
      const defaults = KATA_GUESTS.filter((guest) => guest.isDefault && guest.target === target);
      expect(defaults).toHaveLength(1);
    }
  });

  it('that are not known are refused with the names there are', () => {
    expect(() => findKataGuest('azl2')).toThrow(
      expect.objectContaining({
        code: 'USAGE_CONFLICT',
        want: 'azl3, aks-3.15, msft-main, kata-4.1',
      }),
    );
  });
});
