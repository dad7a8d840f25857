/**
 * A server with canned answers: `node dev/stub.mjs [--port 8600] [--scenario incident|healthy|first-run] [--static DIR]`.
 * Serves the built page as the product does (same security headers, same fall-back to index.html) and prints its address.
 */

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { answer } from "./canned.mjs";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "8600" },
    scenario: { type: "string", default: "incident" },
    static: { type: "string", default: fileURLToPath(new URL("../../src/tracepulse/static", import.meta.url)) },
  },
});

const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml" };
const HEADERS = {
  "content-security-policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
};

let polls = 0;

async function fileAt(path) {
  const wanted = normalize(path).replace(/^(\.\.[/\\])+/, "");
  const name = extname(wanted) === "" ? "index.html" : wanted;
  return [TYPES[extname(name)] ?? "application/octet-stream", await readFile(join(values.static, name))];
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url ?? "/", "http://stub");
  const canned = answer(url, values.scenario, url.pathname === "/api/overview" ? polls++ : polls);
  try {
    if (canned !== undefined) {
      const [status, body] = canned;
      const isText = typeof body === "string";
      response.writeHead(status, { ...HEADERS, "content-type": isText ? "text/markdown; charset=utf-8" : "application/json" });
      response.end(isText ? body : JSON.stringify(body));
      return;
    }
    const [type, body] = await fileAt(url.pathname);
    response.writeHead(200, { ...HEADERS, "content-type": type });
    response.end(body);
  } catch {
    response.writeHead(404, HEADERS);
    response.end();
  }
});

server.listen(Number(values.port), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});
