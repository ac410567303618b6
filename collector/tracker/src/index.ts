/* The npm package: the same core and parts, started by `init`. Importing it does nothing, in a browser or on a server. */
import type { Consent, EventOptions, Part, Track } from './api.js';
import { type Call, create, type Making, type Options } from './core';
import { notFound as notFoundPart } from './parts/404';
import { acts } from './parts/acts';
import { consent as consentPart } from './parts/consent';
import { engagement as engagementPart } from './parts/engagement';
import { exclusions as exclusionsPart } from './parts/exclusions';
import { fileDownloads as fileDownloadsPart } from './parts/file-downloads';
import { formSubmissions as formSubmissionsPart } from './parts/form-submissions';
import { optOut as optOutPart } from './parts/opt-out';
import { outboundLinks as outboundLinksPart } from './parts/outbound-links';
import { pageviewProps } from './parts/pageview-props';
import { revenue as revenuePart } from './parts/revenue';
import { taggedEvents as taggedEventsPart } from './parts/tagged-events';
import { vitals as vitalsPart } from './parts/vitals';

export type { Consent, EventOptions, Outcome, Part, Track } from './api.js';

export interface InitOptions {
  /** Where beacons go: `https://stats.example.com/api/event`. */
  endpoint: string;
  /** The site's key or one of its domains. Without it the host name of the page decides. */
  domain?: string;
  /** What is measured beside pageviews and events of your own. */
  parts?: readonly Part[];
  /** The part of the address after `#` is the route. */
  hash?: boolean;
  /** No pageviews by itself: `track('pageview', { url })` says when. */
  manual?: boolean;
  /** Count pages opened from `localhost` or from a file, too. */
  local?: boolean;
  /** Count browsers driven by a program, too. */
  automated?: boolean;
  /** Part `consent`: the answer that the page knows, or what to do until there is one. */
  consent?: 'required' | 'queue' | 'granted' | 'denied';
  /** Part `exclusions`: the paths that are counted, and those that are not. */
  include?: readonly string[];
  exclude?: readonly string[];
  /** Part `properties`: of every pageview and event. */
  props?: EventOptions['props'] | ((event: string) => EventOptions['props']);
  /** Part `fileDownloads`: endings instead of the usual ones, and beside them. */
  fileTypes?: readonly string[];
  addFileTypes?: readonly string[];
}

// A part that reads what people do needs the listener, wherever it stands in the list.
const acting =
  (part: Making, name?: string): Part =>
  (core: Parameters<Making>[0]) => {
    if (name) core._preset[name] = '';
    if (!core._acts) acts(core);
    part(core);
  };

export const vitals: Part = vitalsPart;
export const engagement: Part = engagementPart;
export const consentPrompt: Part = consentPart;
export const optOutButtons: Part = optOutPart;
export const exclusions: Part = exclusionsPart;
export const properties: Part = pageviewProps;
export const notFound: Part = /* @__PURE__ */ acting(notFoundPart, '404');
export const taggedEvents: Part = /* @__PURE__ */ acting(taggedEventsPart);
export const revenue: Part = /* @__PURE__ */ acting(revenuePart);
export const outboundLinks: Part = /* @__PURE__ */ acting(outboundLinksPart, 'outbound-links');
export const fileDownloads: Part = /* @__PURE__ */ acting(fileDownloadsPart, 'file-downloads');
export const formSubmissions: Part = /* @__PURE__ */ acting(formSubmissionsPart, 'form-submissions');

let tracker: Track | undefined;
const waiting: Call[] = [];

/** Starts counting this page. The second call, and any call outside a browser, does nothing. */
export const init = (options: InitOptions): void => {
  if (tracker || typeof document == 'undefined') return;
  const preset: Options = {};
  const { endpoint, parts = [], ...more } = options;
  for (const [name, value] of Object.entries(more)) {
    const known = name.replace(/[A-Z]/g, (letter) => '-' + letter.toLowerCase());
    if (value != null && value !== false) preset[known] = Array.isArray(value) ? value.join() : value;
  }
  tracker = create(preset, undefined, endpoint, parts as readonly Making[] as Making[], waiting);
};

/** An event. Before `init` it waits; on a server it is nothing. */
export const track = (name: string, options?: EventOptions): void => {
  if (tracker) tracker(name, options);
  else if (typeof document != 'undefined') waiting.push([name, options]);
};

/** Says what the visitor has answered: needs the part `consentPrompt`. */
export const consent = (word: Consent): void => tracker?.consent?.(word);
/** Stops counting in this browser: needs the part `optOutButtons`. */
export const optOut = (): void => tracker?.optOut?.();
/** Counts this browser again: needs the part `optOutButtons`. */
export const optIn = (): void => tracker?.optIn?.();
