/* Links to files, by the ending of their path: data-file-types instead of this list, data-add-file-types beside it. */
import type { Making } from '../core';

const TYPES =
  'pdf,xlsx,docx,txt,rtf,csv,exe,key,pps,ppt,pptx,7z,pkg,rar,gz,zip,avi,mov,mp4,mpeg,wmv,midi,mp3,wav,wma,dmg';

export const fileDownloads: Making = (core) => {
  core._acts.push((event) => {
    const link = core._option('file-downloads') != null && core._link(event);
    if (!link) return;
    const path = link.pathname;
    // Plausible's attributes of these names have no `data-` before them.
    const [only, more] = ['file-types', 'add-file-types'].map(
      (name) => core._option(name) || (core._script && core._script.getAttribute(name)) || '',
    );
    const types = (only || TYPES) + ',' + more;
    const type = path.includes('.') && path.split('.').pop()!.toLowerCase();
    if (!type || !types.toLowerCase().split(/[\s,]+/).includes(type)) return;
    core._track('File Download', { props: { url: link.origin + path } });
    return true;
  });
};
