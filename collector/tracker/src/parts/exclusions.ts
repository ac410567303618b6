/* Pages that send nothing at all: data-exclude, and data-include for those that do. `*` stands for anything within a
 * folder, `**` for anything across folders. */
import type { Making } from '../core';

const matches = (patterns: string, path: string) =>
  patterns.split(',').some((pattern) =>
    new RegExp(
      '^' +
        pattern
          .trim()
          .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
          .replace(/\*+/g, (stars) => (stars[1] ? '.*' : '[^/]*')) +
        '/?$',
    ).test(path),
  );

export const exclusions: Making = (core) => {
  core._fill.push((beacon) => {
    if (beacon.n == 'consent') return beacon; // a withdrawal has rows to be deleted
    const { pathname, hash } = new URL(beacon.u, location.href);
    const path = pathname + (beacon.h ? hash : '');
    const [only, not] = ['include', 'exclude'].map(core._option);
    if ((not && matches(String(not), path)) || (only && !matches(String(only), path))) return;
    return beacon;
  });
};
