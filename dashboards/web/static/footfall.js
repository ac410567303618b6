// Watches a page that is still counting and brings it up to date when its numbers have changed.
// The page is complete without this file. The server draws it again at the same address; what differs is put in place,
// element by element, so that focus, scroll position, open menus and typed text stay. Nothing is made of strings here.
const { watch, refresh } = document.body.dataset;
let { version } = document.body.dataset;
const SLOWEST_S = 30;
const ANNOUNCED_EVERY_MS = 60_000;
// What a reader has changed himself is his.
const HIS_OWN = new Set(["open", "checked", "value"]);
const WHOLE = ".card, .lead, .foot";

let seen = new Date();
let announced = 0;
let failures = 0;
let timer = 0;
let looking = false;
let waiting = false;

const selected = (node) => {
  const selection = getSelection();
  return !selection.isCollapsed && (!node || selection.getRangeAt(0).intersectsNode(node));
};

// A document, which neither runs its scripts nor passes a string to a parser of ours.
const drawnAnew = () =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", location.pathname + location.search);
    request.responseType = "document";
    request.timeout = SLOWEST_S * 1000;
    request.onload = () => resolve(request);
    request.onerror = request.ontimeout = () => reject(new Error("no answer"));
    request.send();
  });

function update(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.isEqualNode(fresh)) return;
  // Half a card anew would tell two things at once: it waits until its text is let go.
  if (old.matches(WHOLE) && selected(old)) {
    waiting = true;
    return;
  }
  for (const { name, value } of fresh.attributes) {
    if (!HIS_OWN.has(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!HIS_OWN.has(name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  updateChildren(old, fresh);
}

// Children with an id are found by it; others stand for those at the same place.
function updateChildren(old, fresh) {
  const wanted = new Set([...fresh.children].map((child) => child.id));
  for (const child of [...old.children]) if (child.id && !wanted.has(child.id)) child.remove();
  const named = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
  let at = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    let same = named.get(next.id);
    if (same) while (at && at !== same && !at.id) at = remove(at);
    else if (!next.id && at && !at.id && at.nodeName === next.nodeName) same = at;
    if (same && same === at) at = at.nextSibling;
    else old.insertBefore(same ?? next, at);
    if (same) update(same, next);
  }
  while (at) at = remove(at);
}

function remove(node) {
  const following = node.nextSibling;
  node.remove();
  return following;
}

function tell(text, link) {
  const state = document.getElementById("state");
  if (state.textContent === text + (link ?? "")) return;
  state.replaceChildren(text);
  if (!link) return;
  const anchor = document.createElement("a");
  anchor.href = location.href;
  anchor.textContent = link;
  state.append(anchor);
}

const asOf = () => `Numbers as of ${seen.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })}.`;

async function bringUpToDate() {
  if (waiting && selected()) return;
  const answer = await fetch(watch, { credentials: "same-origin" });
  if (answer.status === 401) return tell(`You have been signed out. ${asOf()} `, "Sign in again");
  if (!answer.ok) throw new Error(answer.status);
  const found = (await answer.json()).version;
  if (found !== version) {
    const { status, response, responseURL } = await drawnAnew();
    if (status !== 200 || !response) throw new Error(status);
    // It leads elsewhere: to the sign-in, which the next look will be told.
    if (new URL(responseURL).pathname !== location.pathname) return;
    const style = "link[rel=stylesheet]";
    if (response.querySelector(style).href !== document.querySelector(style).href) return location.reload();
    waiting = false;
    document.title = response.title;
    for (const part of ["main", ".foot"]) update(document.querySelector(part), response.querySelector(part));
    if (!waiting) version = response.body.dataset.version;
    if (Date.now() - announced > ANNOUNCED_EVERY_MS) {
      announced = Date.now();
      document.getElementById("news").textContent = `The numbers were updated at ${new Date().toLocaleTimeString("en-GB")}.`;
    }
  }
  seen = new Date();
  failures = 0;
  tell("");
}

async function look() {
  clearTimeout(timer);
  if (document.hidden || looking) return;
  looking = true;
  try {
    await bringUpToDate();
  } catch {
    // Away for a moment is no news; twice in a row is.
    failures += 1;
    if (failures > 1) tell(`The server does not answer. ${asOf()}`);
  }
  looking = false;
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(look, 1000 * Math.min(SLOWEST_S, refresh * 2 ** Math.min(failures, 5)));
}

if (watch) {
  timer = setTimeout(look, refresh * 1000);
  document.addEventListener("visibilitychange", look);
}
