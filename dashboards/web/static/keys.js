// Keys for what is asked for most, as web/keys.py lists them. The page is complete without this file: each key follows a
// link, or goes to a field, that is there.
const marked = (key) => document.querySelector(`[aria-keyshortcuts="${key}"]`);

// With nothing: with the days before; else with nothing.
const compared = () => {
  const none = document.querySelector('[data-compare="none"]');
  return none?.getAttribute("aria-current") ? document.querySelector('[data-compare="previous"]') : none;
};

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  // Where these two are on the keyboard, and with which other key, is of its language.
  const written = key === "?" || key === "/";
  if (event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && !written) || event.repeat) return;
  // Whoever writes, chooses among tabs or moves a table that is wider than the screen means that.
  if (target.closest("input, select, textarea") || (!written && target.closest(".scroll"))) return;
  const found = key === "x" ? compared() : /^([1-9?/]|Arrow(Left|Right))$/.test(key) ? marked(key) : null;
  if (!found) return;
  event.preventDefault();
  if (found.popover) found.togglePopover();
  else if (found.matches("input")) found.select();
  else found.click();
});
