// What became of this browser's last request: asked of the collector with the same beacon once more, which it computes
// with and keeps nothing of. What was sent is told by this page itself; the collector tells only what is left of it.
'use strict';

{
  let last; // the last beacon, in this page's memory alone

  // Before the tracker begins: it sends by the page's fetch. What is told of is what people do, no report on leaving.
  const { fetch } = window;
  window.fetch = (address, options) => {
    try {
      if (new URL(address, location.href).pathname.endsWith('/api/event')) {
        const sent = [JSON.parse(options.body)].flat();
        last = sent.findLast(({ n }) => n !== 'engagement' && n !== 'consent') || last;
      }
    } catch {}
    return fetch(address, options);
  };

  const turnedOff = () => {
    try {
      return localStorage.footfall_ignore === 'true' || localStorage.plausible_ignore === 'true';
    } catch {
      return false;
    }
  };

  // Where nothing was sent, because the visitor asked for that: what would have been.
  const beacon = () => last || {
    n: 'pageview',
    u: location.href.split('#')[0],
    d: 'demo',
    r: document.referrer,
    tz: Intl.DateTimeFormat().resolvedOptions().timeZone,
    w: screen.width,
    lang: document.documentElement.lang,
  };

  const texts = (value) => (value && typeof value === 'object' ? JSON.stringify(value) : String(value ?? ''));

  const carried = (sent, network) => ({
    address: network ? `${network} is left of it; the whole is told to nobody, not even to you` : 'not read',
    agent: navigator.userAgent,
    url: texts(sent.u),
    referrer: texts(sent.r),
    language: navigator.languages.join(', '),
    time_zone: texts(sent.tz),
    screen_width: texts(sent.w),
    event: [sent.n, sent.p, sent.$, sent.lang].filter(Boolean).map(texts).join(' '),
    time: 'nothing: the collector looks at its own clock',
  });

  // Text only: never markup.
  const made = (name, text, ...children) => {
    const element = document.createElement(name);
    if (text) element.textContent = text;
    element.append(...children);
    return element;
  };

  const heading = (text, scope) => {
    const cell = made('th', text);
    cell.scope = scope;
    return cell;
  };

  const row = ({ name, label, stored, why }, sent) => {
    const kept = Object.entries(stored).map(([field, value]) => made('li', `${field} = ${value}`));
    const line = made(
      'tr',
      '',
      heading(label, 'row'),
      made('td', sent[name] || 'nothing'),
      kept.length ? made('td', '', made('ul', '', ...kept)) : made('td', 'nothing'),
      made('td', why),
    );
    line.dataset.row = name;
    return line;
  };

  const table = (answer, sent) => {
    const heads = ['Field', 'What it carried', 'What is stored', 'What becomes of the rest'];
    const head = made('tr', '', ...heads.map((text) => heading(text, 'col')));
    const rows = answer.rows.map((each) => row(each, carried(sent, answer.network)));
    return made('table', '', made('thead', '', head), made('tbody', '', ...rows));
  };

  const show = async (place) => {
    const sent = beacon();
    const headers = turnedOff() ? { 'X-Footfall-Opt-Out': '1' } : {};
    try {
      const options = { method: 'POST', body: JSON.stringify(sent), headers, credentials: 'omit', cache: 'no-store' };
      const response = await fetch('what', options);
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.errors.request[0]);
      const note = 'Computed from this request alone, with the settings in force. Nothing was looked up, and nothing of it is kept.';
      place.replaceChildren(made('p', answer.says), table(answer, sent), made('p', note));
    } catch (error) {
      place.replaceChildren(made('p', `This cannot be told just now: the request ${error.message}.`));
    }
  };

  document.addEventListener('click', ({ target }) => {
    if (target.closest('#what')) show(document.getElementById('became'));
  });
}
