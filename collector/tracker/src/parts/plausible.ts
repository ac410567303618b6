/*
 * Plausible's own words: `plausible(name, options)`, its queue and `plausible.init(options)`, so that a page written for
 * Plausible's script needs another host name and nothing else.
 */
import type { EventOptions } from '../api';
import type { Making, Options } from '../core';

interface Words {
  (name: string, options?: EventOptions & { u?: string; meta?: EventOptions['props'] }): void;
  q?: Parameters<Words>[];
  o?: Options;
  init?: (given?: Options) => void;
  /** Whether it runs: pages and their checks look for it. */
  l?: boolean;
}

export const plausible: Making = (core) => {
  const page = window as any as { plausible?: Words; __plausible?: unknown };
  const preset = core._preset;
  const before = page.plausible;
  const start = core._start;
  let started = false;

  const words: Words = (name, options) => {
    const { u, meta, ...more } = Object(options);
    core._track(name, { props: meta, url: u, ...more });
  };

  words.init = (options) => {
    if (started) return console.warn('plausible.init() was called before: this call is ignored');
    started = page.plausible!.l = true;
    const given = Object(options);
    const { customProperties, fileDownloads, transformRequest } = given;
    const files = fileDownloads && fileDownloads.fileExtensions;
    for (const [name, value] of [
      ['hash', given.hashBasedRouting],
      ['manual', given.autoCapturePageviews === false],
      ['local', given.captureOnLocalhost],
      ['outbound-links', given.outboundLinks],
      ['form-submissions', given.formSubmissions],
      ['file-downloads', fileDownloads],
      ['file-types', files && [].concat(files).join()],
      ['api', given.endpoint],
      ['props', customProperties],
    ])
      if (value) preset[name] = value;
    // What is no function changes nothing, and what it gives back instead of a beacon neither.
    if (typeof transformRequest == 'function')
      core._fill.push((beacon) => {
        const made = transformRequest(beacon);
        return made && made.n ? made : made && beacon;
      });
    core._start = start;
    start();
  };

  // A browser that is driven and does not say so.
  core._fill.push((beacon) => ((window as any).Cypress && core._option('automated') == null ? undefined : beacon));
  // Its own tests set this to be counted in a driven browser.
  if (page.__plausible) preset.automated = '';
  page.plausible = (...given: Parameters<Words>) => {
    // Plausible's own script, where a page runs both for a while.
    if (before) before(...given);
    words(...given);
  };
  page.plausible.init = words.init;
  // The newer snippet runs once the page has said `init`.
  page.plausible.l = preset.wait == null;
  if (!page.plausible.l) core._start = () => {};
  for (const call of (before && before.q) || []) words(...call);
  if (before && before.o) words.init(before.o);
};
