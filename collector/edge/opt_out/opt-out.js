// The opt-out page of the collector: one entry in this browser's storage, for this address.
'use strict';

const FLAG = 'footfall_ignore';
const state = document.getElementById('state');
const button = document.getElementById('choice');

const LEFT = ' What today\u2019s visits have left could not be deleted just now: load this page again in a minute, count this browser again, and choose once more.';

// deleted: whether the wish to delete was taken; undefined while nobody has asked.
const show = (deleted) => {
  const off = localStorage.getItem(FLAG) === 'true';
  state.textContent = off ? 'This browser is not counted on this address.' : 'This browser is counted on this address.';
  if (off && deleted === false) state.textContent += LEFT;
  button.textContent = off ? 'Count this browser again' : 'Do not count this browser';
  button.hidden = false;
};

button.addEventListener('click', () => {
  if (localStorage.getItem(FLAG) === 'true') {
    localStorage.removeItem(FLAG);
  } else {
    localStorage.setItem(FLAG, 'true');
    fetch(`privacy/object?width=${screen.width}`, { method: 'POST', keepalive: true }).then(
      (answer) => show(answer.status === 202),
      () => show(false),
    );
  }
  show();
});

document.getElementById('address').textContent = location.host;
try {
  show();
} catch {
  state.textContent = 'This browser blocks storage, so the choice cannot be kept here. Turn on Global Privacy Control instead.';
}
