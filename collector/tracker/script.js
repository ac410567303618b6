/*
 * Footfall's tracker. In: a page and what its visitor does there. Out: small JSON beacons in Plausible's keys.
 * It sets no cookie and stores nothing but an opt-out that the visitor asks for; no error of it reaches the page.
 */
(() => {
  'use strict';
  const script = document.currentScript;
  const stub = window.footfall;
  if (!script || (stub && stub.on)) return; // included twice: counted once

  const safe = (work) => (...given) => {
    try {
      return work(...given);
    } catch {}
  };

  safe(() => {
    const setting = (name) => script.getAttribute('data-' + name);
    const byHash = setting('hash') !== null;
    const api = setting('api') || new URL('/api/event', script.src).href;
    const unwanted =
      (setting('local') === null && /^file:|:(localhost|127(\.\d+)+|\[::1\])?$/.test(location.protocol + location.hostname)) ||
      (setting('automated') === null && navigator.webdriver);
    const tz = safe(() => Intl.DateTimeFormat().resolvedOptions().timeZone)();
    const waiting = (stub && stub.q) || []; // events from before the first view
    const FLAG = 'footfall_ignore';
    const WORDS = ['granted', 'denied', 'withdrawn'];
    const asks = setting('consent'); // "required", or what the page knows already

    let consent = WORDS.includes(asks) ? asks : undefined; // kept here only: the page says it anew on every load
    let view; // URL of the page being counted; undefined until it was visible once
    let landing; // URL of the page load: web vitals belong to it
    let referrer; // known for the first view only
    let vitals = {}; // the latest values, not yet sent
    let measured = {}; // those sent: each once per page load
    let engaged = 0; // ms visible and focused, not yet sent
    let since = 0; // when attention began; 0 = there is none
    let seen = 0; // lowest pixel that was in view
    let height = 0;
    let told = 0; // scroll depth last sent
    let settling = 0; // timer: after a route change the last page and its scroll position stay on screen for a moment

    const optedOut = safe(() => [FLAG, 'plausible_ignore'].some((name) => localStorage.getItem(name) === 'true'));

    // Asked at every beacon, so that turning counting off works at once.
    const refused = () =>
      unwanted ||
      navigator.doNotTrack === '1' ||
      optedOut();

    // A fragment is sent only where it is the route.
    const here = () => (byHash ? location.href : location.href.split('#')[0]);

    const send = (n, u, more, leaving, callback) => {
      const tell = (outcome) => callback && setTimeout(callback, 0, outcome);
      // After a no nothing leaves the browser but the withdrawal itself, which has rows to be deleted.
      if (refused() || (consent && consent !== 'granted' && n !== 'consent')) return tell();
      const d = setting('domain') || undefined;
      const body = JSON.stringify({ n, u, d, h: byHash ? 1 : undefined, tz, w: screen.width, consent, ...more });
      const beacon = () => navigator.sendBeacon(api, new Blob([body], { type: 'text/plain' }));
      // sendBeacon would carry the site's cookies, so it only stands in for a fetch that cannot outlive its page.
      if (leaving && !('keepalive' in Request.prototype) && safe(beacon)()) return;
      try {
        const headers = { 'Content-Type': 'text/plain' }; // spares the CORS preflight
        fetch(api, { method: 'POST', keepalive: true, credentials: 'omit', headers, body }).then(
          ({ status }) => tell({ status }),
          (error) => tell({ error }),
        );
      } catch (error) {
        tell(safe(beacon)() ? {} : { error });
      }
    };

    const attend = safe(() => {
      const now = performance.now();
      if (since) engaged += now - since;
      since = document.visibilityState === 'visible' && document.hasFocus() ? now : 0;
    });

    const look = safe(() => {
      if (settling) return;
      height = Math.max(document.documentElement.scrollHeight, document.body.scrollHeight);
      seen = Math.max(seen, scrollY + innerHeight);
    });

    // The page is being left: what has not been told about it yet.
    const report = (leaving) => {
      attend();
      if (leaving) { // on a route change the document may be the next page's already
        settling = 0;
        look();
      }
      const sd = height ? Math.min(100, Math.round((seen / height) * 100)) : undefined;
      const speed = leaving && Object.keys(vitals).length && vitals;
      if (speed) {
        Object.assign(measured, speed);
        vitals = {};
      }
      const loaded = view === landing;
      if (engaged >= 1000 || sd > told || (speed && loaded)) {
        send('engagement', view, { e: Math.round(engaged), sd, ...(loaded && speed) }, leaving);
        engaged = 0;
        if (sd > told) told = sd;
      }
      if (speed && !loaded) send('engagement', landing, { e: 0, ...speed }, leaving);
    };

    const enter = () => {
      view = here();
      attend();
      engaged = seen = height = told = 0;
      send('pageview', view, { r: referrer });
      clearTimeout(settling);
      settling = setTimeout(() => {
        settling = 0;
        look();
      }, 300);
    };

    const moved = safe(() => {
      if (view === undefined || here() === view) return;
      report();
      referrer = undefined;
      enter();
    });

    const track = safe((name, options) => {
      if (!name) return;
      if (view === undefined) return void waiting.push([name, options]);
      const { props, revenue, interactive, callback, url, id } = options || {};
      const i = interactive === false ? false : undefined;
      send(name, url || here(), { r: referrer, p: props, $: revenue, i, id }, false, callback);
    });

    // A prerendered page, or a tab opened in the background, counts when it is first seen.
    const changed = safe(() => {
      if (document.visibilityState !== 'visible') return view === undefined || report(true);
      if (view !== undefined || document.prerendering) return attend();
      referrer = document.referrer || undefined;
      landing = here();
      enter();
      for (const [name, options] of waiting.splice(0)) track(name, options);
    });

    const clicked = safe((event) => {
      if (event.type === 'click' && event.target.closest('[data-footfall-opt-out]')) return optedOut() ? track.optIn() : track.optOut();
      const element = event.target.closest('[data-footfall-event]');
      if (!element || (event.type !== 'click' && !(event.button === 1 && element.href))) return;
      const props = {};
      for (const { name, value } of element.attributes) {
        const [, prop] = name.split('data-footfall-prop-');
        if (prop) props[prop] = value;
      }
      track(element.getAttribute('data-footfall-event'), { props });
    });

    // What the visitor said to the page's own question.
    track.consent = safe((word) => {
      if (!WORDS.includes(word) || word === consent) return;
      const before = consent;
      consent = word;
      if (word === 'withdrawn') send('consent', here());
      // A page view that was only a number in a total until now.
      else if (word === 'granted' && view !== undefined && (before || asks !== null)) send('pageview', view, { r: referrer });
    });

    // Buttons say what they do next: their own text, or once counting is off the attribute's.
    const label = safe(() => {
      const off = optedOut();
      for (const button of document.querySelectorAll('[data-footfall-opt-out]')) {
        const texts = (button.footfallTexts = button.footfallTexts || [button.textContent, button.getAttribute('data-footfall-opt-out')]);
        if (texts[1]) button.textContent = texts[off ? 1 : 0];
        else button.setAttribute('aria-pressed', String(!!off));
      }
    });

    track.optOut = safe(() => {
      send('consent', here(), { consent: 'withdrawn' });
      consent = 'withdrawn'; // holds for this page even where storage is blocked
      safe(() => localStorage.setItem(FLAG, 'true'))();
      label();
    });

    track.optIn = safe(() => {
      for (const name of [FLAG, 'plausible_ignore']) localStorage.removeItem(name);
      consent = WORDS.includes(asks) ? asks : undefined;
      label();
    });

    track.on = true;
    track.q = waiting;
    window.footfall = track;

    // Before web-vitals' own listener, which measures a page anew when it comes back from the back/forward cache.
    addEventListener('pageshow', safe(({ persisted }) => {
      if (!persisted || view === undefined) return;
      vitals = {};
      measured = {};
      referrer = undefined;
      landing = here();
      enter();
    }), true);

    safe(() => {
      for (const name of ['LCP', 'INP', 'CLS', 'FCP', 'TTFB']) {
        // All changes, because the last value alone is lost when the page closes right after a click.
        webVitals['on' + name](({ value }) => {
          const key = name.toLowerCase();
          if (!(key in measured)) vitals[key] = Math.round(value * 1e4) / 1e4;
        }, { reportAllChanges: true });
      }
    })();

    // Leaving is read from visibilitychange alone: browsers fire it after pagehide, and web-vitals reports in it, at the
    // window, before it comes to the document. A beacon at pagehide would leave without LCP, CLS and INP.
    for (const type of ['visibilitychange', 'prerenderingchange']) document.addEventListener(type, changed);
    for (const type of ['focus', 'blur']) addEventListener(type, attend);
    if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', label);
    else label();
    for (const type of ['click', 'auxclick']) document.addEventListener(type, clicked, true);
    for (const type of ['popstate', 'hashchange']) addEventListener(type, moved);
    addEventListener('scroll', look, { passive: true });
    safe(() => new ResizeObserver(look).observe(document.documentElement))();
    safe(() => navigation.addEventListener('currententrychange', moved))(); // routers that bypass history
    for (const name of ['pushState', 'replaceState']) {
      safe(() => {
        const original = history[name];
        history[name] = function (...given) {
          const result = original.apply(this, given);
          moved();
          return result;
        };
      })();
    }
    changed();
  })();
})();
