declare global {
  /** Whether faults of the SDK reach the page: only in its own tests; put in by the build. */
  const __DEBUG__: boolean;
}

/** What a page says about itself and about what may be sent. */
export interface Settings {
  /** Base address of an OTLP/HTTP receiver, without `/v1/…`. */
  endpoint: string;
  /** A key of scope `browser`: everyone who opens the page can read it. */
  key?: string;
  /** Headers for a receiver other than TracePulse; they cost a preflight and make the type `application/json`. */
  headers?: Record<string, string>;
  /** `service.name`; default: the page's host. */
  service?: string;
  /** `service.version`. */
  version?: string;
  /** Further attributes of the resource, such as `deployment.environment.name`. */
  attributes?: Record<string, unknown>;
  /** Origins besides the page's own that are sent `traceparent`, such as `https://api.example.org`. */
  origins?: string[];
  /** Share of pages that send everything, 0 to 1; the others send when they become slow or fail. Default 1. */
  sample?: number;
  /**
   * Absent: measure without telling one visitor from another. True: also with a `session.id`, kept in
   * the tab's session storage. False: measure, send and keep nothing until `consent(true)`.
   */
  consent?: boolean;
}

/** What `start` was given. */
export let settings: Settings;
/** The visit, once there is consent; 32 hex digits. */
export let session: string | undefined;
/** Whether what is recorded may leave the page: it was drawn, or something slow or failed was seen. */
export let kept: boolean;
/** Ends with `stop`: every listener hangs on it. */
export let life: AbortController | undefined;

const STORED = "debugqueue";

/** Return so many random bytes in hex. */
export const randomHex = (bytes: number): string =>
  [...crypto.getRandomValues(new Uint8Array(bytes))]
    .map((byte) => (byte + 256).toString(16).slice(1))
    .join("");

/** Wrap what the page or the browser calls, so that a fault of ours never becomes theirs. */
export const guard =
  <A extends unknown[], R>(run: (...args: A) => R) =>
  (...args: A): R | undefined => {
    try {
      return run(...args);
    } catch (error) {
      if (__DEBUG__) throw error;
    }
  };

/** Listen until `stop`, before the page's own listeners. */
export const listen = <E extends Event>(
  target: EventTarget,
  type: string,
  heard: (event: E) => void,
): void =>
  target.addEventListener(type, guard(heard) as EventListener, {
    capture: true,
    passive: true,
    signal: life!.signal,
  });

/** Take the settings and begin a life, unless consent is needed first; storage is touched only with consent. */
export function open(given: Settings): boolean {
  settings = { ...given, endpoint: given.endpoint.replace(/\/$/, "") };
  kept = Math.random() < (given.sample ?? 1);
  identify(given.consent);
  if (given.consent === false) return false;
  life = new AbortController();
  return true;
}

/** Name this visit, or no longer; storage is not looked at before the visitor has been asked. */
export const identify = (given?: boolean): void => {
  session = given ? randomHex(16) : undefined;
  if (given != null)
    guard(() => {
      const stored = sessionStorage[STORED] as string | undefined;
      delete sessionStorage[STORED];
      if (!given) return;
      session = stored || session;
      store();
    })();
};

const store = guard((): void => {
  if (session) sessionStorage[STORED] = session;
});

/** Keep this visit: something in it was slow or failed. */
export const keep = (): void => {
  kept = true;
  store();
};

/** Run at the end of this life. */
export const onClose = (run: () => void): void => life!.signal.addEventListener("abort", run);

/** End the life. */
export const close = (): void => {
  life?.abort();
  life = undefined;
};
