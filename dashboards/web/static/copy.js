// Buttons that copy what stands beside them. Without this file the text is selected whole by one click, and copied by hand.
const SAID_FOR_MS = 2000;

// The clipboard's own interface is there in secure contexts only: not on http://stats.lan.
async function copied(code) {
  const chosen = getSelection();
  chosen.selectAllChildren(code);
  const done = await navigator.clipboard?.writeText(code.textContent).then(() => true, () => false);
  if (!done && !document.execCommand("copy")) return false;
  // What is selected keeps a page from bringing itself up to date.
  chosen.removeAllRanges();
  return true;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("button.copy");
  if (!button) return;
  const done = await copied(button.parentElement.querySelector("code"));
  // Where the browser allows neither, the text stays selected.
  button.textContent = done ? "Copied" : "Press Ctrl+C";
  setTimeout(() => (button.textContent = "Copy"), SAID_FOR_MS);
});
