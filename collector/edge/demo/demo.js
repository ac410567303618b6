// The demo shop's own script: what a site's developer would write around Footfall's tracker.
'use strict';

// Events called before the tracker has loaded wait in this queue.
window.footfall = window.footfall || function () { (window.footfall.q = window.footfall.q || []).push(arguments); };

const signUp = () => {
  window.footfall('signup', { props: { plan: 'newsletter', place: 'home' } });
  document.getElementById('sign-up-state').textContent = 'You are on the list. See you on Friday!';
};

// The page's content without a page load, as a single-page application does it.
const show = async (address) => {
  const text = await (await fetch(address)).text();
  const next = new DOMParser().parseFromString(text, 'text/html');
  document.title = next.title;
  document.querySelector('main').replaceWith(next.querySelector('main'));
  document.querySelector('nav').replaceWith(next.querySelector('nav'));
  scrollTo(0, 0);
};

document.addEventListener('click', (event) => {
  if (event.target.closest('#sign-up')) signUp();
  const link = event.target.closest('a[data-soft]');
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    history.pushState(null, '', link.href);
    show(link.href);
  }
});

addEventListener('popstate', () => show(location.href));
