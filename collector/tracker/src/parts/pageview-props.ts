/* Properties of the page, sent with its view and its events: data-prop-NAME (or Plausible's event-NAME) of the script. */
import type { Making } from '../core';

export const pageviewProps: Making = (core) => {
  core._fill.push((beacon) => {
    if (beacon.n == 'engagement' || beacon.n == 'consent') return beacon;
    const given = core._option('props');
    const props = { ...(typeof given == 'function' ? given(beacon.n) : given) };
    for (const { name, value } of core._script ? core._script.attributes : []) {
      const [, prop] = /^(?:data-prop|event)-(.+)/.exec(name) || [];
      if (prop) props[prop] = value;
    }
    return Object.keys(props)[0] ? { ...beacon, p: { ...props, ...beacon.p } } : beacon;
  });
};
