/* The core as a page's script. The collector puts the chosen parts and their presets around it (collector/edge/tracker_scripts.py). */
import { type Call, create, type Making, type Options } from './core';

declare const P: Making[];
declare const O: Options;
declare const S: HTMLScriptElement;

try {
  const stub: { on?: boolean; q?: Call[] } = (self as any).footfall || 0;
  // Included twice: counted once. Beacons go where the script is from, beneath the same path: it is in a folder there.
  if (!stub.on)
    (self as any).footfall = create(O, S, new URL('../api/event', S.src || origin), P, stub.q || []);
} catch {}
