import type { Consent, EventOptions, Part } from './api.js';
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
export declare const vitals: Part;
export declare const engagement: Part;
export declare const consentPrompt: Part;
export declare const optOutButtons: Part;
export declare const exclusions: Part;
export declare const properties: Part;
export declare const notFound: Part;
export declare const taggedEvents: Part;
export declare const revenue: Part;
export declare const outboundLinks: Part;
export declare const fileDownloads: Part;
export declare const formSubmissions: Part;
/** Starts counting this page. The second call, and any call outside a browser, does nothing. */
export declare const init: (options: InitOptions) => void;
/** An event. Before `init` it waits; on a server it is nothing. */
export declare const track: (name: string, options?: EventOptions) => void;
/** Says what the visitor has answered: needs the part `consentPrompt`. */
export declare const consent: (word: Consent) => void;
/** Stops counting in this browser: needs the part `optOutButtons`. */
export declare const optOut: () => void;
/** Counts this browser again: needs the part `optOutButtons`. */
export declare const optIn: () => void;
