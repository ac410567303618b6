/*
 * Web vitals, as Google's library measures them: each once per page load, told when the page is hidden; with a selector
 * of the element that was painted last, was touched, or moved most. The collector cleans it again.
 */
import { onCLS, onFCP, onINP, onLCP, onTTFB } from 'web-vitals';
import type { Making } from '../core';

type Name = 'lcp' | 'inp' | 'cls' | 'fcp' | 'ttfb';
type Vitals = Partial<Record<Name, number>> & { el?: Partial<Record<Name, string>> };

// No number of two digits, nothing of another alphabet: that would be data, not layout.
const WORD = /^[a-z]([a-z_-]|\d(?!\d)){1,29}$/i;
const LONGEST = 80;

/** Its tag and that of up to two elements around it, each with its id or two classes: up to the first that has an id. */
const selectorOf = (node?: Node) => {
  let path = '';
  let element = node && ((node as Element).localName ? (node as Element) : node.parentElement);
  for (let level = 0; element && level < 3; level++) {
    const id = element.getAttribute('id') || '';
    const words = WORD.test(id) ? ['#' + id] : [...element.classList].filter((word) => WORD.test(word)).slice(0, 2).map((word) => '.' + word);
    const longer = element.localName + words.join('') + (path && '>') + path;
    if (longer.length > LONGEST) break;
    path = longer;
    if (words[0]?.[0] == '#') break;
    element = element.parentElement;
    if (!element?.parentElement?.parentElement) break;
  }
  return path;
};

/** The element that an entry is of: of a layout shift the first that moved and is still there. */
const nodeOf = (entry: any): Node | undefined =>
  entry.element || entry.target || entry.sources?.find((source: any) => source.node)?.node;

export const vitals: Making = (core) => {
  let latest: Vitals = {}; // not yet sent
  let sent: Vitals = {};
  let landing: string | undefined; // of the page load, to which the values belong, whatever the route is by now

  const measure = () => {
    for (const on of [onLCP, onINP, onCLS, onFCP, onTTFB])
      // All changes, because the last value alone is lost when the page closes right after a click.
      on(
        ({ name, value, entries }) => {
          const key = name.toLowerCase() as Name;
          if (key in sent) return;
          latest[key] = Math.round(value * 1e4) / 1e4;
          // Of several shifts the largest. Now, because the element may soon be gone.
          const nodes = [...(entries as any[])].sort((a, b) => b.value - a.value).map(nodeOf);
          const selector = selectorOf(nodes.find((node) => node));
          if (selector || latest.el) (latest.el ||= {})[key] = selector || undefined;
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
