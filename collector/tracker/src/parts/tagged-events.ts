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
    const element = (event.target as Element).closest(TAGGED);
    if (!element) return;
    // A form is an event when it is sent, everything else when it is pressed; the middle button only opens links.
    const form = element.tagName == 'FORM';
    if (form != (event.type == 'submit') || (event.type == 'auxclick' && !core._link(event))) return;
    const props: Record<string, string> = {};
    const options: EventOptions = { props };
    const { 'event-name': name, ...tags } = read(element);
    for (const key in tags) if (!key.indexOf('event-')) props[key.slice(6)] = tags[key];
    for (const more of core._tags) more(tags, options);
    core._track(name, options);
    return true;
  });
};
