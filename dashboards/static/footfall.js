// Watches the numbers of a period that includes today and shows the page anew when they have changed.
// The page is complete without this file; the server draws it again, so nothing is built from strings here.
const { version, watch, refresh } = document.body.dataset;
const KEPT = "footfall-tabs";

// A reload must not close what the reader opened.
for (const id of JSON.parse(sessionStorage.getItem(KEPT) ?? "[]")) {
  const control = document.getElementById(id);
  if (control instanceof HTMLInputElement) control.checked = true;
}
sessionStorage.removeItem(KEPT);

const busy = () => document.querySelector(".menu[open], .as-table[open]") !== null || !getSelection().isCollapsed;

async function look() {
  if (document.hidden || busy()) return;
  const answer = await fetch(watch, { credentials: "same-origin" });
  if (answer.status === 401) return location.reload();
  if (!answer.ok || (await answer.json()).version === version) return;
  const chosen = [...document.querySelectorAll(".tabs input:checked")].map((control) => control.id);
  sessionStorage.setItem(KEPT, JSON.stringify(chosen));
  location.reload();
}

async function follow() {
  // A server that is away for a moment is asked again.
  await look().catch(() => {});
  setTimeout(follow, refresh * 1000);
}

if (watch) setTimeout(follow, refresh * 1000);
