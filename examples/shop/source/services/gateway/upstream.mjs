// Call another service of the shop.

import { REQUEST_ID_HEADER, requestId } from "./log.mjs";

const TIMEOUT_MS = Number(process.env.UPSTREAM_TIMEOUT_MS ?? 8000);

export class Upstream {
  // One other service, found by `<NAME>_URL` in the environment.
  constructor(name) {
    this.name = name;
    this.base = process.env[`${name.toUpperCase()}_URL`];
  }

  // Send one request, with the id of the request that caused it.
  async call(method, path, body) {
    const headers = { [REQUEST_ID_HEADER]: requestId(), Connection: "close" };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const answer = await fetch(this.base + path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return { status: answer.status, text: await answer.text() };
  }
}
