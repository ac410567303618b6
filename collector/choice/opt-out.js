// The opt-out page of the collector: one entry in this browser's storage, for this address.
'use strict';

const FLAG = 'footfall_ignore';
const state = document.getElementById('state');
const button = document.getElementById('choice');

const show = () => {
  const off = localStorage.getItem(FLAG) === 'true';
  state.textContent = off ? 'This browser is not counted on this address.' : 'This browser is counted on this address.';
  button.textContent = off ? 'Count this browser again' : 'Do not count this browser';
  button.hidden = false;
};

button.addEventListener('click', () => {
  if (localStorage.getItem(FLAG) === 'true') {
    localStorage.removeItem(FLAG);
  } else {
    localStorage.setItem(FLAG, 'true');
    fetch(`privacy/object?width=${screen.width}`, { method: 'POST', keepalive: true });
  }
  show();
});

document.getElementById('address').textContent = location.host;
try {
  show();
} catch {
  state.textContent = 'This browser blocks storage, so the choice cannot be kept here. Turn on Global Privacy Control instead.';
}
