/*
 * The core. In: a page and where its visitor goes in it. Out: small JSON beacons, as few requests as possible.
 * It sets no cookie and stores nothing; no error of it reaches the page. Everything else is a part, which hooks in here.
 */
import type { Beacon, EventOptions, Outcome, Track } from './api';

/** Presets by name, as attributes have them without `data-`: absent or null is off, anything else, even "", is on. */
export type Options = Record<string, any>;
export type Making = (core: Core) => void;
/** An event that was called before the page was seen. */
export type Call = [name: string, options?: EventOptions];

/** What parts see. Names with an underscore are shortened by the build, alike in the core and in every part. */
export interface Core {
  _preset: Options;
  _script?: Element;
  _track: Track;
  _option: (name: string) => any;
  /** Puts a beacon into the batch, unless the visitor or a part is against it. */
  _send: (name: string, url: string, more?: Partial<Beacon>, callback?: EventOptions['callback']) => unknown;
  /** Listens without ever throwing. types: names with blanks between. */
  _on: (target: EventTarget, types: string, listener: (event: any) => void, capture?: boolean) => void;
  _start: () => void;
  /** Each beacon as it is made: give it back, changed or not, or nothing to drop it. */
  _fill: ((beacon: Beacon) => Beacon | undefined)[];
  /** A view has begun. fresh: with a page load or a return from the back/forward cache, not with a route. */
  _enter: ((fresh: boolean, view: string) => void)[];
  /** The view is being left, by a route or by hiding the page. */
  _leave: ((hiding: boolean | undefined, view: string) => void)[];
  /** What people do, offered to one part after another until one of them has taken it. Made by the part `acts`. */
  _acts: ((event: Event) => unknown)[];
  /** The link that was followed. */
  _link: (event: Event) => HTMLAnchorElement | null | undefined | false;
  /** Reads more of a tagged element's tags into the event's options. */
  _tags: ((tags: Record<string, string>, options: EventOptions) => void)[];
}

const GATHERING_MS = 30;
const PATIENCE_MS = 500;
// Characters after which a batch is sent: fewer than 50 of the shortest beacons, as many as the collector takes at once.
const FULL = 2400;
// A browser lets 64 KiB outlive a page, and a character may be three bytes: beyond it, sending ends with the page.
const KEPT_ALIVE = 2e4;

export const create = (
  preset: Options,
  script: Element | undefined,
  api: string | URL,
  parts: Making[],
  waiting: Call[],
): Track => {
  let view: string | undefined;
  let route: string; // the address as it tells one page from another
  let views = -2; // since the page was loaded or came back; -1: it is about to begin; -2: it was never visible
  let referrer: string | undefined; // known for the first view only
  let batch: string[] = []; // beacons as JSON
  let callbacks: NonNullable<EventOptions['callback']>[] = []; // of those in the batch
  let flying = 0; // characters on their way

  const safe = <F extends (...given: any[]) => any>(work: F) =>
    ((...given) => {
      try {
        return work(...given);
      } catch {}
    }) as F;

  const option = (name: string) => preset[name] ?? script?.getAttribute('data-' + name);
  const has = (name: string) => option(name) != null;

  // Asked at every beacon, so that turning counting off works at once.
  const refused = () =>
    (navigator.doNotTrack as any) > 0 ||
    (!has('local') && /^(localhost|127\..+|\[::1]|)$/.test(location.hostname)) ||
    (!has('automated') && navigator.webdriver) ||
    safe(() => /true/.test(localStorage.footfall_ignore + localStorage.plausible_ignore))();

  // A fragment is sent only where it is the route. No address holds a line's end.
  const here = () => location.href.split(has('hash') ? '\n' : '#')[0];
  // What tells one page from another is what is stored of every address: a query is state of the same page.
  const look = () => (route = here().replace(/\?[^#]*/g, ''));

  const flush = async (leaving?: boolean) => {
    if (!batch[0]) return;
    const body = batch[1] ? `[${batch}]` : batch[0];
    const tell = callbacks;
    let outcome: Outcome;
    flying += body.length;
    batch = [];
    callbacks = [];
    try {
      // A text as body is text/plain, which spares the CORS preflight.
      outcome = await fetch(option('api') || api, {
        method: 'POST',
        body,
        credentials: 'omit',
        keepalive: leaving || flying < KEPT_ALIVE,
      });
    } catch (error) {
      outcome = { error };
    }
    flying -= body.length;
    for (const callback of tell) safe(callback)(outcome);
  };

  const send: Core['_send'] = (n, u, more, callback) => {
    let beacon: Beacon | undefined = {
      n,
      u,
      // The page's host, also where the event has an address of its own.
      d: option('domain') || location.hostname,
      h: has('hash'),
      // Intl reads in a language first, which takes ten times as long as the rest of this script.
      tz: (self as any).Temporal?.Now.timeZoneId() ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
      w: screen.width,
      lang: document.documentElement.lang,
      ...more,
    };
    // Parts may ask the page's own functions: what one of them throws ends one beacon and nothing else.
    for (const fill of core._fill) beacon = beacon && safe(fill)(beacon);
    if (!beacon || refused()) setTimeout(safe(callback!));
    else {
      callbacks.push(callback!); // or nothing, which is safe to call
      batch.push(JSON.stringify(beacon));
      if (`${batch}`.length > FULL) flush();
      else if (!batch[1]) setTimeout(flush, GATHERING_MS);
    }
  };

  const event = (name: string, options?: EventOptions | null) => {
    options ||= {};
    const url = options.url || here();
    send(
      name,
      url,
      { r: referrer, p: options.props, $: options.revenue, i: options.interactive, id: options.id },
      options.callback,
    );
    return url;
  };

  const leave = (hiding?: boolean) => {
    if (view) for (const tell of core._leave) safe(tell)(hiding, view);
  };

  const enter = (options?: EventOptions) => {
    view = event('pageview', options);
    for (const start of core._enter) safe(start)(!views, view);
    views++;
  };

  const arrive = (from?: string) => {
    referrer = from;
    look();
    if (!has('manual')) enter();
  };

  // An entry that is replaced is the same page, said otherwise: a map that is moved, a search as it is typed.
  const moved = safe((event?: any) => {
    if (route == look() || event?.navigationType == 'replace' || views < 0) return;
    leave();
    arrive();
  });

  const track: Track = safe((name, options) => {
    if (views < 0) waiting.push([name, options]);
    else if (name != 'pageview') event(name, options);
    else {
      leave();
      enter(options);
    }
  });

  const begin = () => {
    if (views != -1) return;
    views = 0;
    arrive(document.referrer);
    for (const call of waiting) track(...call);
  };

  // A prerendered page, or a tab opened in the background, counts when it is first seen. It begins when the page has
  // nothing better to do: asking for the time zone, the storage and the network may take milliseconds the first time.
  const changed = () => {
    if (document.hidden) {
      begin();
      leave(true);
      flush(true);
    } else if (views < -1) {
      views = -1;
      // A timer of no length where there is no such thing as idling.
      (self.requestIdleCallback || setTimeout)(safe(begin), { timeout: PATIENCE_MS } as any);
    }
  };

  const on: Core['_on'] = (target, types, listener, capture) => {
    for (const type of types.split(' ')) target.addEventListener(type, safe(listener), capture);
  };

  const core = {
    _preset: preset,
    _script: script,
    _track: track,
    _option: option,
    _send: send,
    _on: on,
    _start: changed,
    _fill: [],
    _enter: [],
    _leave: [],
  } as Partial<Core> as Core;

  on(self, 'pageshow', (event) => {
    if (!event.persisted || views < 0) return;
    views = 0;
    arrive();
  });
  // Leaving is read from visibilitychange: browsers fire it after pagehide, and web-vitals reports in it, at the window,
  // before it comes to the document. A page that is hidden already has only pagehide.
  on(self, 'visibilitychange pagehide', () => core._start());
  on((self as any).navigation || self, 'hashchange currententrychange popstate', moved);
  const wrap = (name: 'pushState' | 'replaceState', then: any) => {
    const original = history[name];
    history[name] = (...given) => then(original.call(history, ...given));
  };
  wrap('pushState', moved);
  wrap('replaceState', look);
  for (const part of parts) safe(part)(core);
  core._start();
  track.on = true;
  return track;
};
