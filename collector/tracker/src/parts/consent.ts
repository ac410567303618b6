/*
 * What the visitor answered to the page's own question. Kept in the page's memory only: the page says it on every load.
 * data-consent: "granted" or "denied" is the answer; "queue" holds everything back until there is one; anything else
 * says that the site asks, and what comes before the answer is at most one more in a bare total.
 */
import type { Beacon, Consent } from '../api';
import type { Making } from '../core';

const WORDS = ['granted', 'denied', 'withdrawn'];
// A page that is never answered keeps no more than this.
const MOST_HELD = 200;

export const consent: Making = (core) => {
  let word = core._option('consent') as Consent | undefined;
  const asks = word != null;
  const queues = (word as string) == 'queue';
  if (!WORDS.includes(word!)) word = undefined;
  const held: Beacon[] = [];
  let viewed: Beacon | undefined; // as it was sent last

  core._fill.push((beacon) => {
    beacon.consent ??= word;
    if (beacon.n == 'pageview') viewed = beacon;
    // After a no nothing leaves the browser but the withdrawal itself, which has rows to be deleted.
    if (beacon.n == 'consent' || word == 'granted' || !(word || queues)) return beacon;
    if (!word && held.length < MOST_HELD) held.push(beacon);
  });

  const again = (beacon: Beacon) => core._send(beacon.n, beacon.u, { ...beacon, consent: word });

  core._track.consent = (said) => {
    if (!WORDS.includes(said) || said == word) return;
    const before = word;
    word = said;
    held.splice(0).forEach(again);
    if (said == 'withdrawn') core._send('consent', location.origin);
    // A page view that was only a number in a total until now, or was not sent at all.
    else if (said == 'granted' && viewed && (before || (asks && !queues))) again(viewed);
  };
};
