/* Links to other hosts. Their query is nobody's business: it may name a person. */
import type { Making } from '../core';

export const outboundLinks: Making = (core) => {
  core._acts.push((event) => {
    const link = core._option('outbound-links') != null && core._link(event);
    if (!link || !/^http/.test(link.protocol) || link.host == location.host) return;
    core._track('Outbound Link: Click', { props: { url: link.origin + link.pathname } });
    return true;
  });
};
