/* Properties of the page, sent with its view, its events and its reports: data-prop-NAME (or Plausible's event-NAME) of
 * the script. */
import type { Beacon } from '../api';
import type { Making } from '../core';

// A page may give anything: what is no object of properties is none.
const plain = (given: any) => (typeof given == 'object' && !Array.isArray(given) ? given : {});

export const pageviewProps: Making = (core) => {
  let viewed = {} as Beacon;

  core._fill.push((beacon) => {
    if (beacon.n == 'consent') return beacon;
    // A report is of the page as it was viewed.
    if (beacon.n == 'engagement') return beacon.u == viewed.u ? { ...beacon, p: viewed.p } : beacon;
    let given = core._option('props');
    try {
      if (typeof given == 'function') given = given(beacon.n);
    } catch {
      given = 0; // its fault is no reason to lose the event
    }
    const props = { ...plain(given) };
    for (const { name, value } of core._script ? core._script.attributes : []) {
      const [, prop] = /^(?:data-prop|event)-(.+)/.exec(name) || [];
      if (prop) props[prop] = value;
    }
    if (Object.keys(props)[0]) beacon = { ...beacon, p: { ...props, ...plain(beacon.p) } };
    if (beacon.n == 'pageview') viewed = beacon;
    return beacon;
  });
};
