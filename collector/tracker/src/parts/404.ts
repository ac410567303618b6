/* The event `404` of a page that the server answered with this status, or that says so: data-404="page". */
import type { Making } from '../core';

export const notFound: Making = (core) => {
  core._enter.push((fresh) => {
    const says = core._option('404');
    if (!fresh || says == null) return;
    const [loading] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
    if (says == 'page' || (loading && loading.responseStatus == 404))
      core._track('404', { props: { path: location.pathname } });
  });
};
