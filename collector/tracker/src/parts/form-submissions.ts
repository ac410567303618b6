/* Forms that were sent: the path they went to, and nothing of what was filled in. */
import type { Making } from '../core';

export const formSubmissions: Making = (core) => {
  core._acts.push((event) => {
    if (event.type != 'submit' || core._option('form-submissions') == null) return;
    // Not form.action: a field of that name would be in its place.
    const action = (event.target as Element).getAttribute('action') || '';
    core._track('Form: Submission', { props: { path: new URL(action, location.href).pathname } });
    return true;
  });
};
