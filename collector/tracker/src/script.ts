/* The core as a page's script. The collector puts the chosen parts and their presets around it (collector/scripts.py). */
import { type Call, create, type Making, type Options } from './core';

declare const P: Making[];
declare const O: Options;

try {
  const script = document.currentScript as HTMLScriptElement | null;
  const page = window as any;
  const stub: { on?: boolean; q?: Call[] } | undefined = page.footfall;
  // Included twice: counted once.
  if (script && !stub?.on)    page.footfall = create(O, script, new URL('/api/event', script.src || (location as any)), P, stub?.q || []);
} catch {}
