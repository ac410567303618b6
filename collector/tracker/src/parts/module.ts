/*
 * The tag of a script that runs as a module, which no browser tells it: the first one that looks like ours. Not chosen by
 * name: it is in every script but the bare core. It runs before the core, whose tag is S.
 */
declare let S: HTMLScriptElement | null;

S ||= document.querySelector('script[type=module]:is([data-domain],[src*="/js/script."],[src*="/js/p"])');
if (!S) console.warn('footfall: nothing is counted, no tag of its own found: use <script defer src=…>');

export {};
