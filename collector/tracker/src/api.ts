/** What a page may say to the tracker: the types that its script and its npm package share. */

/** What an event carries beside its name. */
export interface EventOptions {
  /** Up to 30 names and values. They are scrubbed like paths, and stored with the raw event. */
  props?: Record<string, string | number | boolean>;
  /** An ISO 4217 code and an amount in that currency. */
  revenue?: { currency: string; amount: number | string };
  /** `false`: the event does not end a bounce. */
  interactive?: boolean;
  /** Another address than the page's own. */
  url?: string;
  /** An id of yours: the same id counts once per site and day. */
  id?: string | number;
  /** Called afterwards; with nothing where the event was not sent. */
  callback?: (outcome?: Outcome) => void;
}

/** How sending went: the collector's answer, or what kept it from coming. */
export interface Outcome {
  status?: number;
  error?: unknown;
}

/** What a visitor said to the page's own question. */
export type Consent = 'granted' | 'denied' | 'withdrawn';

/** The function that a page calls. Its further members come with the parts `consent` and `opt-out`. */
export interface Track {
  (name: string, options?: EventOptions): void;
  /** Says what the visitor has answered; the page remembers it, the tracker does not. */
  consent?: (word: Consent) => void;
  /** Stops counting in this browser and has today's rows of this visitor deleted. */
  optOut?: () => void;
  /** Counts this browser again. */
  optIn?: () => void;
  /** Whether the tracker is running, and not only the queue that waits for it. */
  on?: boolean;
}

/** One JSON object as the collector takes it: Plausible's keys and a few of our own. */
export interface Beacon {
  /** name */ n: string;
  /** url */ u: string;
  /** domain */ d?: string;
  /** referrer */ r?: string;
  /** the fragment is the route */ h?: boolean;
  /** props */ p?: Record<string, unknown>;
  /** revenue */ $?: { currency: string; amount: number | string };
  /** interactive */ i?: boolean;
  /** time zone */ tz?: string;
  /** screen width */ w?: number;
  /** the page's own language */ lang?: string;
  id?: string | number;
  consent?: Consent;
  /** engaged milliseconds */ e?: number;
  /** scroll depth in percent */ sd?: number;
  lcp?: number;
  inp?: number;
  cls?: number;
  fcp?: number;
  ttfb?: number;
  /** by vital the element responsible for it, as a selector */ el?: Record<string, string>;
}

/** A part that `init` can be given. What is inside is the tracker's own business. */
export type Part = (core: never) => void;
