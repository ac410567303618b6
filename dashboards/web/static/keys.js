// Keys for what is asked for most: 1–9 a period, the arrows the period before and after, x to compare or not.
// The page is complete without this file: each key follows a link that is there.
const links = (key) => document.querySelector(`[aria-keyshortcuts="${key}"]`);

// With nothing: with the days before; else with nothing.
const compared = () => {
  const none = document.querySelector('[data-compare="none"]');
  return none?.getAttribute("aria-current") ? document.querySelector('[data-compare="previous"]') : none;
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.repeat) return;
  // Whoever writes, chooses among tabs or moves a table that is wider than the screen means that.
  if (event.target.closest("input, select, textarea, .scroll")) return;
  const link = /^[1-9]$|^Arrow(Left|Right)$/.test(event.key) ? links(event.key) : event.key === "x" ? compared() : null;
  if (!link) return;
  event.preventDefault();
  link.click();
});
