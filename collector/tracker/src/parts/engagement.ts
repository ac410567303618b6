/* How long a page was visible and focused, and how far it was scrolled. */
import type { Making } from '../core';

// After a route change the last page and its scroll position stay on screen for a moment.
const SETTLING_MS = 300;
// Less attention than this is not worth a beacon of its own.
const WORTH_MS = 1000;

export const engagement: Making = (core) => {
  let engaged = 0; // ms, not yet sent
  let since = 0; // when attention began; 0 = there is none
  let seen = 0; // lowest pixel that was in view
  let height = 0;
  let told = 0; // scroll depth last sent
  let settling = 0;
  let observer: ResizeObserver | undefined;

  const attend = () => {
    const now = performance.now();
    if (since) engaged += now - since;
    since = document.visibilityState == 'visible' && document.hasFocus() ? now : 0;
  };

  const look = () => {
    if (settling) return;
    height = Math.max(document.documentElement.scrollHeight, document.body.scrollHeight);
    seen = Math.max(seen, scrollY + innerHeight);
  };

  core._enter.push(() => {
    attend();
    engaged = seen = height = told = 0;
    clearTimeout(settling);
    settling = setTimeout(() => {
      settling = 0;
      // It calls right after the browser's own layout, first of all now, so that reading sizes costs nothing.
      observer ||= new ResizeObserver(look);
      observer.disconnect();
      observer.observe(document.documentElement);
    }, SETTLING_MS);
  });

  core._leave.push((hiding, view) => {
    attend();
    if (hiding) {
      // On a route change the document may be the next page's already.
      clearTimeout(settling);
      settling = 0;
      look();
    }
    const sd = height ? Math.min(100, Math.round((seen / height) * 100)) : 0;
    if (engaged < WORTH_MS && sd <= told) return;
    core._send('engagement', view, { e: Math.round(engaged), sd: height ? sd : undefined });
    engaged = 0;
    told = Math.max(told, sd);
  });

  core._on(window, 'focus blur', attend);
  core._on(document, 'visibilitychange', attend);
  core._on(document, 'scroll', look);
};
