/* One listener for what people do with links, forms and tagged elements: one act is one event, of the first part that
 * knows it. Not chosen by name: it comes with the parts that need it. */
import type { Making } from '../core';

export const acts: Making = (core) => {
  core._acts = [];
  core._tags = [];
  core._link = (event) =>
    (event.type == 'click' || (event as MouseEvent).button == 1) &&
    event.type != 'submit' &&
    (event.target as Element).closest('a');
  core._on(document, 'click auxclick submit', (event) => core._acts.some((act) => act(event)), true);
};
