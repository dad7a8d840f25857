import { current, enter, leave, type Activity } from "./activity.js";
import type { Entry } from "./observe.js";
import { child, now, span, type Draft } from "./record.js";
import { draftOf } from "./entries.js";
import { isOwn, keepAndSend } from "./send.js";
import { guard, settings } from "./settings.js";
import { wrap } from "./wrap.js";
import { Limit } from "./limits.js";

/** A request of the page's scripts. */
interface Asked extends Draft {
  _url: string;
  _within: Activity | undefined;
}


const answered = new Set<Asked>();

/** Begin a request, and hand out the `traceparent` to send where the page may send one. */
const start = (method: string, to: string | URL, header: (traceparent: string) => void): Asked | undefined => {
  const url = new URL(to, document.baseURI);
  const { origin } = url;
  url.hash = "";
  if (isOwn(url.href)) return;
  const within = current();
  const made: Asked = {
    ...child(within),
    _name: method.toUpperCase(),
    _kind: 3,
    _start: now(),
    _end: 0,
    _url: url.href,
    _within: within,
    _fields: { "http.request.method": method.toUpperCase(), "url.full": url.href },
  };
  if (within) enter(within);
  if (origin == location.origin || settings.origins?.includes(origin)) header(`00-${made._trace}-${made._span}-01`);
  return made;
};

const end = guard((request: Asked | undefined, status: number, fault?: string): void => {
  if (!request || request._end) return;
  const type = fault || (status > 399 && status);
  request._end = now();
  request._fields["http.response.status_code"] = status || null;
  if (type) {
    request._fields["error.type"] = `${type}`;
    request._failed = !/^abort/i.test(type as string);
    if (request._failed && !(status < 500 && status)) keepAndSend();
  }
  answered.add(request);
  setTimeout(write, Limit.Measured, request);
  if (request._within) leave(request._within, request._end);
});

const write = guard((request: Asked): void => {
  if (answered.delete(request)) span(request);
});

/** Write requests that have been answered, measured or not. */
export const writeRequests = (): void => answered.forEach(write);

/** Take the browser's measurement of a request of ours; false if it is of none. */
export const finishRequest = (entry: Entry): boolean => {
  for (const request of answered) {
    if (request._url == entry.name && Math.abs(entry.startTime - request._start) < Limit.Same) {
      const { _fields, _moments, _link, _end } = draftOf(entry, "", request);
      Object.assign(request._fields, _fields);
      write(Object.assign(request, { _moments, _link, _end }));
      return true;
    }
  }
  return false;
};

/** Requests by `fetch` and `XMLHttpRequest`: one trace with the service that answers, if it is an allowed one. */
export function onRequest(): void {
  wrap(window, "fetch", (call, args) => {
    let request: Asked | undefined;
    guard(() => {
      const [input, init] = args as [Request, RequestInit | undefined];
      const { url = input as unknown as string, method = "GET", headers: asked } = input;
      request = start(init?.method || method, url, (traceparent) => {
        const given = init?.headers;
        const headers = given ? new Headers(given) : asked || new Headers();
        headers.set("traceparent", traceparent);
        if (headers != asked) args = [input, { ...init, headers }];
      });
    })();
    // The page is given the promise that follows, so that a failure nobody handles is still reported.
    return (call(args) as Promise<Response>).then(
      (answer) => {
        end(request, answer.status);
        return answer;
      },
      (error) => {
        // A page that goes away is told so of whatever is under way: no failure, and this timer never runs.
        setTimeout(end, 0, request, 0, error?.name || "Error");
        throw error;
      },
    );
  });

  wrap(XMLHttpRequest.prototype, "open", (call, args, self: XMLHttpRequest) => {
    call(args);
    guard(() => {
      const request = start(args[0] as string, args[1] as string, (traceparent) =>
        self.setRequestHeader("traceparent", traceparent),
      );
      for (const type of ["load", "error", "timeout", "abort"])
        self.addEventListener(type, () => end(request, self.status, type == "load" ? "" : type));
    })();
  });
}
