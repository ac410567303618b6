/* How long a page was attended to, and how far it was scrolled. Attention: it is visible, in focus, and somebody has done
 * something with it within the last minutes. */
import type { Making } from '../core';

// After a route change the last page and its scroll position stay on screen for a moment.
const SETTLING_MS = 300;
// Less attention than this is not worth a beacon of its own.
const WORTH_MS = 1000;
// A minute of input is as good as the next: so often it is looked whether there is anything to tell.
const BEAT_MS = 60e3;
// The longest that a screenful is taken to be read without touching anything. A tab left open is not read.
const PATIENCE_MS = 5 * BEAT_MS;
// While it is read a page reports so often: well within the 30 minutes of silence that end a visit.
const REPORT_MS = 10 * BEAT_MS;
// Of one view no more is told: no single one outweighs all the others.
const MOST_MS = 60 * BEAT_MS;

export const engagement: Making = (core) => {
  let engaged = 0; // ms, not yet sent
  let left = 0; // ms of this view that may still be counted
  let since = 0; // when attention began; 0 = there is none
  let acted = 0; // when the visitor last did something
  let reported = 0; // when this view last told of itself, or began
  let viewed: string | undefined;
  let seen = 0; // lowest pixel that was in view
  let height = 0;
  let told = 0; // scroll depth last sent
  let settling = 0;
  let observer: ResizeObserver | undefined;

  const attend = () => {
    const now = performance.now();
    if (since) {
      const more = Math.min(left, Math.max(0, Math.min(now, acted + PATIENCE_MS) - since));
      engaged += more;
      left -= more;
    }
    since = document.visibilityState == 'visible' && document.hasFocus() ? now : 0;
    return now;
  };

  const act = () => {
    // What went before is told apart first, or a pause would count as attention. Mice move many times a second.
    if (performance.now() - acted > PATIENCE_MS) attend();
    acted = performance.now();
  };

  const look = () => {
    if (settling) return;
    height = Math.max(document.documentElement.scrollHeight, document.body.scrollHeight);
    seen = Math.max(seen, scrollY + innerHeight);
  };

  const report = (view: string) => {
    const sd = height ? Math.min(100, Math.round((seen / height) * 100)) : 0;
    if (engaged < WORTH_MS && sd <= told) return;
    core._send('engagement', view, { e: Math.round(engaged), sd: height ? sd : undefined });
    engaged = 0;
    told = Math.max(told, sd);
    reported = performance.now();
  };

  core._enter.push((_, view) => {
    if (!viewed)
      setInterval(() => {
        if (attend() - reported >= REPORT_MS) report(viewed!);
      }, BEAT_MS);
    viewed = view;
    reported = acted = attend();
    left = MOST_MS;
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
    report(view);
  });

  core._on(window, 'blur', attend);
  // Coming back to a page is doing something.
  core._on(window, 'focus', () => (acted = attend()));
  core._on(document, 'visibilitychange', () => (acted = attend()));
  core._on(document, 'scroll', () => (act(), look()));
  core._on(window, 'pointermove pointerdown keydown wheel touchstart', act, true);
};
