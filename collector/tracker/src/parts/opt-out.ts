/* The visitor's own no: one entry in the browser's storage, set by a button of the page or by its script. */
import type { Making } from '../core';

const FLAG = 'footfall_ignore';
const BUTTON = '[data-footfall-opt-out]';

export const optOut: Making = (core) => {
  const track = core._track;
  let off = false; // holds for this page even where storage is blocked

  const stored = (work: (storage: Storage) => unknown) => {
    try {
      return work(localStorage);
    } catch {}
  };
  const isOff = () => off || stored((storage) => storage[FLAG] == 'true' || storage.plausible_ignore == 'true');

  // Buttons say what they do next: their own text, or once counting is off the attribute's.
  const label = () => {
    for (const button of document.querySelectorAll(BUTTON) as Iterable<any>) {
      const [counted, not] = (button.footfallTexts ||= [button.textContent, button.getAttribute('data-footfall-opt-out')]);
      if (not) button.textContent = isOff() ? not : counted;
      else button.setAttribute('aria-pressed', String(!!isOff()));
    }
  };

  core._fill.push((beacon) => (off ? undefined : beacon));

  track.optOut = () => {
    core._send('consent', location.origin, { consent: 'withdrawn' });
    off = true;
    stored((storage) => storage.setItem(FLAG, 'true'));
    label();
  };

  track.optIn = () => {
    off = false;
    stored((storage) => [FLAG, 'plausible_ignore'].forEach((name) => storage.removeItem(name)));
    label();
  };

  core._on(document, 'click', ({ target }) => {
    if (target.closest(BUTTON)) (isOff() ? track.optIn! : track.optOut!)();
  }, true);
  if (document.readyState == 'loading') core._on(document, 'DOMContentLoaded', label);
  else label();
};
