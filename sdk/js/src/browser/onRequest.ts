import { current, enter, leave, type Activity } from "./activity.js";
import type { Entry } from "./observe.js";
import { now, place, span, type Draft } from "./record.js";
import { measured, serverOf } from "./resource.js";
import { address } from "./scrub.js";
import { isOwn, keepAndSend } from "./send.js";
import { guard, settings } from "./settings.js";
import { wrap } from "./wrap.js";

/** A request of the page's scripts. */
interface Request extends Draft {
  _url: string;
  _within: Activity | undefined;
  /** Gives up waiting for the browser's own measurements. */
  _timer?: ReturnType<typeof setTimeout>;
}

/** How long the browser may take to measure a request after it was answered, in ms. */
const MEASURED_WITHIN_MS = 5000;

const answered = new Set<Request>();

const start = (method: string, url: string): Request => {
  const within = current();
  if (within) enter(within);
  return {
    ...place(within?._trace),
    _parent: within?._span,
    _name: method,
    _kind: 3,
    _start: now(),
    _end: 0,
    _url: url,
    _within: within,
    _fields: { "http.request.method": method, url: { full: address(url) } },
  };
};

const end = (request: Request, status: number, error?: unknown): void => {
  request._end = now();
  const type = (error as Error | undefined)?.name || (status > 399 ? `${status}` : undefined);
  Object.assign(request._fields, {
    "http.response.status_code": status || undefined,
    "error.type": type,
  });
  request._failed = !!type && type != "AbortError";
  if (request._failed && (!status || status > 499)) keepAndSend();
  answered.add(request);
  request._timer = setTimeout(write, MEASURED_WITHIN_MS, request);
  if (request._within) leave(request._within, request._end);
};

const write = (request: Request): void => {
  clearTimeout(request._timer);
  if (answered.delete(request)) span(request);
};

/** Write requests that have been answered, measured or not. */
export const writeRequests = (): void => answered.forEach(write);

/** Take the browser's measurement of a request of ours; false if it is of none. */
export const finishRequest = (entry: Entry): boolean => {
  if (!/^(fetch|xml)/.test(entry.initiatorType)) return false;
  for (const request of answered) {
    if (request._url == entry.name && Math.abs(entry.startTime - request._start) < 50) {
      request._fields = { ...request._fields, ...measured(entry) };
      request._end = Math.max(request._end, entry.responseEnd);
      request._link = serverOf(entry);
      write(request);
      return true;
    }
  }
  return false;
};

/** Return the header to send, where the page may send one. */
const traceparent = (request: Request): string | undefined => {
  const { origin } = new URL(request._url);
  return origin == location.origin || settings.origins?.includes(origin)
    ? `00-${request._trace}-${request._span}-01`
    : undefined;
};

const absolute = (url: string | URL): string => {
  const made = new URL(url, document.baseURI);
  made.hash = "";
  return made.href;
};

/** Requests by `fetch` and `XMLHttpRequest`: one trace with the service that answers, if it is an allowed one. */
export function onRequest(): void {
  wrap(window, "fetch", (call, args) => {
    let request: Request | undefined;
    let given = args;
    guard(() => {
      const [input, init] = args as [RequestInfo | URL, RequestInit | undefined];
      const asked = input instanceof Request ? input : undefined;
      const url = absolute(asked ? asked.url : (input as string));
      if (isOwn(url)) return;
      request = start((init?.method || asked?.method || "GET").toUpperCase(), url);
      const header = traceparent(request);
      if (!header) return;
      if (asked && !init?.headers) asked.headers.set("traceparent", header);
      else {
        const headers = new Headers(init?.headers);
        headers.set("traceparent", header);
        given = [input, { ...init, headers }];
      }
    })();
    const promise = call(given) as Promise<Response>;
    // The page is given the promise that follows, so that a failure nobody handles is still reported.
    return request
      ? promise.then(
          (answer) => {
            guard(end)(request!, answer.status);
            return answer;
          },
          (error: unknown) => {
            guard(end)(request!, 0, error);
            throw error;
          },
        )
      : promise;
  });

  const asked = new WeakMap<XMLHttpRequest, [string, string]>();
  wrap(XMLHttpRequest.prototype, "open", (call, args, self) => {
    guard(() => asked.set(self, [String(args[0]).toUpperCase(), absolute(args[1] as string)]))();
    return call();
  });
  wrap(XMLHttpRequest.prototype, "send", (call, _, self: XMLHttpRequest) => {
    guard(() => {
      const [method, url] = asked.get(self) || [];
      if (!method || isOwn(url!)) return;
      const request = start(method, url!);
      const header = traceparent(request);
      if (header) self.setRequestHeader("traceparent", header);
      for (const kind of ["error", "timeout", "abort", "load"]) {
        self.addEventListener(
          kind,
          guard(() =>
            end(request, self.status, kind == "load" ? undefined : { name: kind == "abort" ? "AbortError" : kind }),
          ),
        );
      }
    })();
    return call();
  });
}
