/* Web vitals, as Google's library measures them: each once per page load, told when the page is hidden. */
import { onCLS, onFCP, onINP, onLCP, onTTFB } from 'web-vitals';
import type { Making } from '../core';

type Vitals = Partial<Record<'lcp' | 'inp' | 'cls' | 'fcp' | 'ttfb', number>>;

export const vitals: Making = (core) => {
  let latest: Vitals = {}; // not yet sent
  let sent: Vitals = {};
  let landing: string | undefined; // of the page load, to which the values belong, whatever the route is by now

  const measure = () => {
    for (const on of [onLCP, onINP, onCLS, onFCP, onTTFB])
      // All changes, because the last value alone is lost when the page closes right after a click.
      on(
        ({ name, value }) => {
          const key = name.toLowerCase() as keyof Vitals;
          if (!(key in sent)) latest[key] = Math.round(value * 1e4) / 1e4;
        },
        { reportAllChanges: true },
      );
  };

  core._enter.push((fresh, view) => {
    // The library reads what the browser has noted until now.
    if (landing == null) measure();
    if (fresh) landing = view;
  });
  // The report of engagement carries them where there is one, so that a page that is left is one beacon.
  core._fill.push((beacon) => {
    if (beacon.n == 'engagement' && beacon.u == landing && document.visibilityState != 'visible') {
      Object.assign(beacon, latest);
      Object.assign(sent, latest);
      latest = {};
    }
    return beacon;
  });
  core._leave.push((hiding) => {
    if (hiding && landing && Object.keys(latest)[0]) core._send('engagement', landing, { e: 0 });
  });
  // Before the library's own listener, which measures a page anew when it comes back from the back/forward cache.
  core._on(
    window,
    'pageshow',
    ({ persisted }) => {
      if (persisted) latest = {}, (sent = {});
    },
    true,
  );
};
