// src/core.ts
var GATHERING_MS = 30;
var PATIENCE_MS = 500;
var FULL = 2400;
var KEPT_ALIVE = 2e4;
var create = (preset, script, api, parts, waiting2) => {
  let view;
  let route;
  let views = -2;
  let referrer;
  let batch = [];
  let callbacks = [];
  let flying = 0;
  const safe = (work) => ((...given) => {
    try {
      return work(...given);
    } catch {
    }
  });
  const option = (name) => preset[name] ?? script?.getAttribute("data-" + name);
  const has = (name) => option(name) != null;
  const refused = () => navigator.doNotTrack > 0 || !has("local") && /^(localhost|127\..+|\[::1]|)$/.test(location.hostname) || !has("automated") && navigator.webdriver || safe(() => /true/.test(localStorage.footfall_ignore + localStorage.plausible_ignore))();
  const here = () => location.href.split(has("hash") ? "\n" : "#")[0];
  const look = () => route = here().replace(/\?[^#]*/g, "");
  const flush = async (leaving) => {
    if (!batch[0]) return;
    const body = batch[1] ? `[${batch}]` : batch[0];
    const tell = callbacks;
    let outcome;
    flying += body.length;
    batch = [];
    callbacks = [];
    try {
      outcome = await fetch(option("api") || api, {
        method: "POST",
        body,
        credentials: "omit",
        keepalive: leaving || flying < KEPT_ALIVE
      });
    } catch (error) {
      outcome = { error };
    }
    flying -= body.length;
    for (const callback of tell) safe(callback)(outcome);
  };
  const send = (n, u, more, callback) => {
    let beacon = {
      n,
      u,
      // The page's host, also where the event has an address of its own.
      d: option("domain") || location.hostname,
      h: has("hash"),
      // Intl reads in a language first, which takes ten times as long as the rest of this script.
      tz: self.Temporal?.Now.timeZoneId() ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
      w: screen.width,
      lang: document.documentElement.lang,
      ...more
    };
    for (const fill of core.f) beacon = beacon && safe(fill)(beacon);
    if (!beacon || refused()) setTimeout(safe(callback));
    else {
      callbacks.push(callback);
      batch.push(JSON.stringify(beacon));
      if (`${batch}`.length > FULL) flush();
      else if (!batch[1]) setTimeout(flush, GATHERING_MS);
    }
  };
  const event = (name, options) => {
    options ||= {};
    const url = options.url || here();
    send(
      name,
      url,
      { r: referrer, p: options.props, $: options.revenue, i: options.interactive, id: options.id },
      options.callback
    );
    return url;
  };
  const leave = (hiding) => {
    if (view) for (const tell of core.m) safe(tell)(hiding, view);
  };
  const enter = (options) => {
    view = event("pageview", options);
    for (const start of core.k) safe(start)(!views, view);
    views++;
  };
  const arrive = (from) => {
    referrer = from;
    look();
    if (!has("manual")) enter();
  };
  const moved = safe((event2) => {
    if (route == look() || event2?.navigationType == "replace" || views < 0) return;
    leave();
    arrive();
  });
  const track2 = safe((name, options) => {
    if (views < 0) waiting2.push([name, options]);
    else if (name != "pageview") event(name, options);
    else {
      leave();
      enter(options);
    }
  });
  const begin = () => {
    if (views != -1) return;
    views = 0;
    arrive(document.referrer);
    for (const call of waiting2) track2(...call);
  };
  const changed = () => {
    if (document.hidden) {
      begin();
      leave(true);
      flush(true);
    } else if (views < -1) {
      views = -1;
      (self.requestIdleCallback || setTimeout)(safe(begin), { timeout: PATIENCE_MS });
    }
  };
  const on = (target, types, listener, capture) => {
    for (const type of types.split(" ")) target.addEventListener(type, safe(listener), capture);
  };
  const core = {
    t: preset,
    l: script,
    c: track2,
    b: option,
    j: send,
    a: on,
    q: changed,
    f: [],
    k: [],
    m: []
  };
  on(self, "pageshow", (event2) => {
    if (!event2.persisted || views < 0) return;
    views = 0;
    arrive();
  });
  on(self, "visibilitychange pagehide", () => core.q());
  on(self.navigation || self, "hashchange currententrychange popstate", moved);
  const wrap = (name, then) => {
    const original = history[name];
    history[name] = (...given) => then(original.call(history, ...given));
  };
  wrap("pushState", moved);
  wrap("replaceState", look);
  for (const part of parts) safe(part)(core);
  core.q();
  track2.on = true;
  return track2;
};

// src/parts/404.ts
var notFound = (core) => {
  core.k.push((fresh) => {
    const says = core.b("404");
    if (!fresh || says == null) return;
    const [loading] = performance.getEntriesByType("navigation");
    if (says == "page" || loading && loading.responseStatus == 404)
      core.c("404", { props: { path: location.pathname } });
  });
};

// src/parts/acts.ts
var acts = (core) => {
  core.g = [];
  core.s = [];
  core.o = (event) => (event.type == "click" || event.button == 1) && event.type != "submit" && event.target.closest("a");
  core.a(document, "click auxclick submit", (event) => core.g.some((act) => act(event)), true);
};

// src/parts/consent.ts
var WORDS = ["granted", "denied", "withdrawn"];
var MOST_HELD = 200;
var consent = (core) => {
  let word = core.b("consent");
  const asks = word != null;
  const queues = word == "queue";
  if (!WORDS.includes(word)) word = void 0;
  const held = [];
  let viewed;
  core.f.push((beacon) => {
    beacon.consent ??= word;
    if (beacon.n == "pageview") viewed = beacon;
    if (beacon.n == "consent" || word == "granted" || !(word || queues)) return beacon;
    if (!word && held.length < MOST_HELD) held.push(beacon);
  });
  const again = (beacon) => core.j(beacon.n, beacon.u, { ...beacon, consent: word });
  core.c.consent = (said) => {
    if (!WORDS.includes(said) || said == word) return;
    const before = word;
    word = said;
    held.splice(0).forEach(again);
    if (said == "withdrawn") core.j("consent", location.origin);
    else if (said == "granted" && viewed && (before || asks && !queues)) again(viewed);
  };
};

// src/parts/engagement.ts
var SETTLING_MS = 300;
var WORTH_MS = 1e3;
var BEAT_MS = 6e4;
var PATIENCE_MS2 = 5 * BEAT_MS;
var REPORT_MS = 10 * BEAT_MS;
var MOST_MS = 60 * BEAT_MS;
var engagement = (core) => {
  let engaged = 0;
  let left = 0;
  let since = 0;
  let acted = 0;
  let reported = 0;
  let viewed;
  let seen = 0;
  let height = 0;
  let told = 0;
  let settling = 0;
  let observer;
  const attend = () => {
    const now = performance.now();
    if (since) {
      const more = Math.min(left, Math.max(0, Math.min(now, acted + PATIENCE_MS2) - since));
      engaged += more;
      left -= more;
    }
    since = document.visibilityState == "visible" && document.hasFocus() ? now : 0;
    return now;
  };
  const act = () => {
    if (performance.now() - acted > PATIENCE_MS2) attend();
    acted = performance.now();
  };
  const look = () => {
    if (settling) return;
    height = Math.max(document.documentElement.scrollHeight, document.body.scrollHeight);
    seen = Math.max(seen, scrollY + innerHeight);
  };
  const report = (view) => {
    const sd = height ? Math.min(100, Math.round(seen / height * 100)) : 0;
    if (engaged < WORTH_MS && sd <= told) return;
    core.j("engagement", view, { e: Math.round(engaged), sd: height ? sd : void 0 });
    engaged = 0;
    told = Math.max(told, sd);
    reported = performance.now();
  };
  core.k.push((_, view) => {
    if (!viewed)
      setInterval(() => {
        if (attend() - reported >= REPORT_MS) report(viewed);
      }, BEAT_MS);
    viewed = view;
    reported = acted = attend();
    left = MOST_MS;
    engaged = seen = height = told = 0;
    clearTimeout(settling);
    settling = setTimeout(() => {
      settling = 0;
      observer ||= new ResizeObserver(look);
      observer.disconnect();
      observer.observe(document.documentElement);
    }, SETTLING_MS);
  });
  core.m.push((hiding, view) => {
    attend();
    if (hiding) {
      clearTimeout(settling);
      settling = 0;
      look();
    }
    report(view);
  });
  core.a(window, "blur", attend);
  core.a(window, "focus", () => acted = attend());
  core.a(document, "visibilitychange", () => acted = attend());
  core.a(document, "scroll", () => (act(), look()));
  core.a(window, "pointermove pointerdown keydown wheel touchstart", act, true);
};

// src/parts/exclusions.ts
var matches = (patterns, path) => patterns.split(",").some(
  (pattern) => new RegExp(
    "^" + pattern.trim().replace(/[.+?^${}()|[\]\\]/g, "\\$&").replace(/\*+/g, (stars) => stars[1] ? ".*" : "[^/]*") + "/?$"
  ).test(path)
);
var exclusions = (core) => {
  core.f.push((beacon) => {
    if (beacon.n == "consent") return beacon;
    const { pathname, hash } = new URL(beacon.u, location.href);
    const path = pathname + (beacon.h ? hash : "");
    const [only, not] = ["include", "exclude"].map(core.b);
    if (not && matches(String(not), path) || only && !matches(String(only), path)) return;
    return beacon;
  });
};

// src/parts/file-downloads.ts
var TYPES = "pdf,xlsx,docx,txt,rtf,csv,exe,key,pps,ppt,pptx,7z,pkg,rar,gz,zip,avi,mov,mp4,mpeg,wmv,midi,mp3,wav,wma,dmg";
var fileDownloads = (core) => {
  core.g.push((event) => {
    const link = core.b("file-downloads") != null && core.o(event);
    if (!link) return;
    const path = link.pathname;
    const [only, more] = ["file-types", "add-file-types"].map(
      (name) => core.b(name) || core.l && core.l.getAttribute(name) || ""
    );
    const types = (only || TYPES) + "," + more;
    const type = path.includes(".") && path.split(".").pop().toLowerCase();
    if (!type || !types.toLowerCase().split(/[\s,]+/).includes(type)) return;
    core.c("File Download", { props: { url: link.origin + path } });
    return true;
  });
};

// src/parts/form-submissions.ts
var formSubmissions = (core) => {
  core.g.push((event) => {
    if (event.type != "submit" || core.b("form-submissions") == null) return;
    const action = event.target.getAttribute("action") || "";
    core.c("Form: Submission", { props: { path: new URL(action, location.href).pathname } });
    return true;
  });
};

// src/parts/opt-out.ts
var FLAG = "footfall_ignore";
var BUTTON = "[data-footfall-opt-out]";
var optOut = (core) => {
  const track2 = core.c;
  let off = false;
  const stored = (work) => {
    try {
      return work(localStorage);
    } catch {
    }
  };
  const isOff = () => off || stored((storage) => storage[FLAG] == "true" || storage.plausible_ignore == "true");
  const label = () => {
    for (const button of document.querySelectorAll(BUTTON)) {
      const [counted, not] = button.footfallTexts ||= [button.textContent, button.getAttribute("data-footfall-opt-out")];
      if (not) button.textContent = isOff() ? not : counted;
      else button.setAttribute("aria-pressed", String(!!isOff()));
    }
  };
  core.f.push((beacon) => off ? void 0 : beacon);
  track2.optOut = () => {
    core.j("consent", location.origin, { consent: "withdrawn" });
    off = true;
    stored((storage) => storage.setItem(FLAG, "true"));
    label();
  };
  track2.optIn = () => {
    off = false;
    stored((storage) => [FLAG, "plausible_ignore"].forEach((name) => storage.removeItem(name)));
    label();
  };
  core.a(document, "click", ({ target }) => {
    if (target.closest(BUTTON)) (isOff() ? track2.optIn : track2.optOut)();
  }, true);
  if (document.readyState == "loading") core.a(document, "DOMContentLoaded", label);
  else label();
};

// src/parts/outbound-links.ts
var outboundLinks = (core) => {
  core.g.push((event) => {
    const link = core.b("outbound-links") != null && core.o(event);
    if (!link || !/^http/.test(link.protocol) || link.host == location.host) return;
    core.c("Outbound Link: Click", { props: { url: link.origin + link.pathname } });
    return true;
  });
};

// src/parts/pageview-props.ts
var plain = (given) => typeof given == "object" && !Array.isArray(given) ? given : {};
var pageviewProps = (core) => {
  let viewed = {};
  core.f.push((beacon) => {
    if (beacon.n == "consent") return beacon;
    if (beacon.n == "engagement") return beacon.u == viewed.u ? { ...beacon, p: viewed.p } : beacon;
    let given = core.b("props");
    try {
      if (typeof given == "function") given = given(beacon.n);
    } catch {
      given = 0;
    }
    const props = { ...plain(given) };
    for (const { name, value } of core.l ? core.l.attributes : []) {
      const [, prop] = /^(?:data-prop|event)-(.+)/.exec(name) || [];
      if (prop) props[prop] = value;
    }
    if (Object.keys(props)[0]) beacon = { ...beacon, p: { ...props, ...plain(beacon.p) } };
    if (beacon.n == "pageview") viewed = beacon;
    return beacon;
  });
};

// src/parts/revenue.ts
var revenue = (core) => {
  core.s.push(({ "revenue-amount": amount, "revenue-currency": currency }, options) => {
    if (amount && currency) options.revenue = { amount, currency };
  });
};

// src/parts/tagged-events.ts
var TAGGED = "[data-footfall-event],[class*=plausible-event-name]";
var read = (element) => {
  const tags = {};
  for (const name of element.classList) {
    const [, key, value] = /^plausible-(.+?)(?:=|--)(.*)/.exec(name) || [];
    if (key) tags[key] = value.replace(/\+/g, " ");
  }
  for (const { name, value } of element.attributes) {
    const [, key] = /^data-footfall-((?:event$|prop-|revenue-).*)/.exec(name) || [];
    if (key) tags[key == "event" ? "event-name" : key.replace("prop-", "event-")] = value;
  }
  return tags;
};
var taggedEvents = (core) => {
  core.g.push((event) => {
    const target = event.target;
    const element = target.closest(TAGGED);
    if (!element) return;
    const link = core.o(event);
    const form = element.matches("form") || !!element.querySelector("form");
    if (form != (event.type == "submit") || event.type == "auxclick" && !link) return;
    const control = target.closest("label")?.control;
    if (control && control != target && element.contains(control)) return;
    const props = {};
    const options = { props };
    const { "event-name": name, ...tags } = read(element);
    if (link && /^http/.test(link.protocol) && !element.hasAttribute("data-footfall-event"))
      props.url = link.origin + link.pathname;
    for (const key in tags) if (!key.indexOf("event-")) props[key.slice(6)] = tags[key];
    for (const more of core.s) more(tags, options);
    core.c(name, options);
    return true;
  });
};

// src/parts/vitals.ts
import { onCLS, onFCP, onINP, onLCP, onTTFB } from "web-vitals";
var WORD = /^[a-z]([a-z_-]|\d(?!\d)){1,29}$/i;
var LONGEST = 80;
var selectorOf = (node) => {
  let path = "";
  let element = node && (node.localName ? node : node.parentElement);
  for (let level = 0; element && level < 3; level++) {
    const id = element.getAttribute("id") || "";
    const words = WORD.test(id) ? ["#" + id] : [...element.classList].filter((word) => WORD.test(word)).slice(0, 2).map((word) => "." + word);
    const longer = element.localName + words.join("") + (path && ">") + path;
    if (longer.length > LONGEST) break;
    path = longer;
    if (words[0]?.[0] == "#") break;
    element = element.parentElement;
    if (!element?.parentElement?.parentElement) break;
  }
  return path;
};
var nodeOf = (entry) => entry.element || entry.target || entry.sources?.find((source) => source.node)?.node;
var vitals = (core) => {
  let latest = {};
  let sent = {};
  let landing;
  const measure = () => {
    for (const on of [onLCP, onINP, onCLS, onFCP, onTTFB])
      on(
        ({ name, value, entries }) => {
          const key = name.toLowerCase();
          if (key in sent) return;
          latest[key] = Math.round(value * 1e4) / 1e4;
          const nodes = [...entries].sort((a, b) => b.value - a.value).map(nodeOf);
          const selector = selectorOf(nodes.find((node) => node));
          if (selector || latest.el) (latest.el ||= {})[key] = selector || void 0;
        },
        { reportAllChanges: true }
      );
  };
  core.k.push((fresh, view) => {
    if (landing == null) measure();
    if (fresh) landing = view;
  });
  core.f.push((beacon) => {
    if (beacon.n == "engagement" && beacon.u == landing && document.visibilityState != "visible") {
      Object.assign(beacon, latest);
      Object.assign(sent, latest);
      latest = {};
    }
    return beacon;
  });
  core.m.push((hiding) => {
    if (hiding && landing && Object.keys(latest)[0]) core.j("engagement", landing, { e: 0 });
  });
  core.a(
    window,
    "pageshow",
    ({ persisted }) => {
      if (persisted) latest = {}, sent = {};
    },
    true
  );
};

// src/index.ts
var acting = (part, name) => (core) => {
  if (name) core.t[name] = "";
  if (!core.g) acts(core);
  part(core);
};
var vitals2 = vitals;
var engagement2 = engagement;
var consentPrompt = consent;
var optOutButtons = optOut;
var exclusions2 = exclusions;
var properties = pageviewProps;
var notFound2 = /* @__PURE__ */ acting(notFound, "404");
var taggedEvents2 = /* @__PURE__ */ acting(taggedEvents);
var revenue2 = /* @__PURE__ */ acting(revenue);
var outboundLinks2 = /* @__PURE__ */ acting(outboundLinks, "outbound-links");
var fileDownloads2 = /* @__PURE__ */ acting(fileDownloads, "file-downloads");
var formSubmissions2 = /* @__PURE__ */ acting(formSubmissions, "form-submissions");
var tracker;
var waiting = [];
var init = (options) => {
  if (tracker || typeof document == "undefined") return;
  const preset = {};
  const { endpoint, parts = [], ...more } = options;
  for (const [name, value] of Object.entries(more)) {
    const known = name.replace(/[A-Z]/g, (letter) => "-" + letter.toLowerCase());
    if (value != null && value !== false) preset[known] = Array.isArray(value) ? value.join() : value;
  }
  tracker = create(preset, void 0, endpoint, parts, waiting);
};
var track = (name, options) => {
  if (tracker) tracker(name, options);
  else if (typeof document != "undefined") waiting.push([name, options]);
};
var consent2 = (word) => tracker?.consent?.(word);
var optOut2 = () => tracker?.optOut?.();
var optIn = () => tracker?.optIn?.();
export {
  consent2 as consent,
  consentPrompt,
  engagement2 as engagement,
  exclusions2 as exclusions,
  fileDownloads2 as fileDownloads,
  formSubmissions2 as formSubmissions,
  init,
  notFound2 as notFound,
  optIn,
  optOut2 as optOut,
  optOutButtons,
  outboundLinks2 as outboundLinks,
  properties,
  revenue2 as revenue,
  taggedEvents2 as taggedEvents,
  track,
  vitals2 as vitals
};
