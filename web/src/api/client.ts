/** Asking the server: one function, one error, no retries hidden from the caller. */

import type { ApiError } from "./types";

/** The server said no, or said nothing. `status` is 0 when no answer came. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Return the answer as text, exactly as sent. Raises Refusal. */
export async function askText(address: string, signal: AbortSignal): Promise<string> {
  let response: Response;
  try {
    response = await fetch(address, { signal, credentials: "same-origin", cache: "no-store" });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Refusal(0, "unreachable", "The server did not answer. Is `tracepulse serve` running?");
  }
  const body = await response.text();
  if (!response.ok) throw refusal(response.status, body);
  return body;
}

/** Return the answer as JSON. The shape is the server's word: openapi.test.ts holds it to that. */
export async function askJson<Shape>(address: string, signal: AbortSignal): Promise<Shape> {
  const body = await askText(address, signal);
  try {
    return JSON.parse(body) as Shape;
  } catch {
    throw new Refusal(200, "not_json", `The answer from ${address.split("?")[0]} is not JSON.`);
  }
}

function refusal(status: number, body: string): Refusal {
  try {
    const { error } = JSON.parse(body) as ApiError;
    return new Refusal(status, error.code, error.message);
  } catch {
    return new Refusal(status, "unknown", `The server answered ${status}.`);
  }
}
