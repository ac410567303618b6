/*
 * Elements that say in their tags what a click on them, or sending a form, is called: data-footfall-event="name" and
 * data-footfall-prop-NAME="value", or Plausible's classes plausible-event-name=… and plausible-event-NAME=….
 */
import type { EventOptions } from '../api';
import type { Making } from '../core';

const TAGGED = '[data-footfall-event],[class*=plausible-event-name]';

/** A tagged element's tags by Plausible's names for them: event-name, event-NAME, revenue-NAME. */
const read = (element: Element) => {
  const tags: Record<string, string> = {};
  // Classes cannot hold blanks: a plus stands for one. Some editors allow no "=" in a class: "--" is the same.
  for (const name of element.classList as Iterable<string>) {
    const [, key, value] = /^plausible-(.+?)(?:=|--)(.*)/.exec(name) || [];
    if (key) tags[key] = value.replace(/\+/g, ' ');
  }
  for (const { name, value } of element.attributes) {
    const [, key] = /^data-footfall-((?:event$|prop-|revenue-).*)/.exec(name) || [];
    if (key) tags[key == 'event' ? 'event-name' : key.replace('prop-', 'event-')] = value;
  }
  return tags;
};

export const taggedEvents: Making = (core) => {
  core._acts.push((event) => {
    const target = event.target as Element;
    const element = target.closest(TAGGED);
    if (!element) return;
    const link = core._link(event);
    // A form, or what has one in it, is an event when it is sent, by whatever key; everything else when it is pressed.
    const form = element.matches('form') || !!element.querySelector('form');
    if (form != (event.type == 'submit') || (event.type == 'auxclick' && !link)) return;
    // The browser presses what a label is for, too.
    const control = target.closest('label')?.control;
    if (control && control != target && element.contains(control)) return;
    const props: Record<string, string> = {};
    const options: EventOptions = { props };
    const { 'event-name': name, ...tags } = read(element);
    // Plausible's script tells where a tagged link leads.
    if (link && /^http/.test(link.protocol) && !element.hasAttribute('data-footfall-event'))
      props.url = link.origin + link.pathname;
    for (const key in tags) if (!key.indexOf('event-')) props[key.slice(6)] = tags[key];
    for (const more of core._tags) more(tags, options);
    core._track(name, options);
    return true;
  });
};
