/** What stays resident while a server misbehaves for long: as much at the end as after the first half. */
import assert from "node:assert/strict";
import { createServer as createHttpServer } from "node:http";
import { createServer, type Server } from "node:net";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { run } from "../unit/program.js";

const EVENTS = Number(process.env["DEBUGQUEUE_SOAK"] ?? 1_000_000);
const MIB = 1024 * 1024;

/** Servers that a program may meet for as long as it lives. */
const SERVERS: Record<string, () => Server> = {
  "takes everything": () => createHttpServer((request, answer) => void request.resume().on("end", () => answer.end("{}"))),
  "answers 500": () => createHttpServer((request, answer) => void request.resume().on("end", () => answer.writeHead(500).end())),
  "answers 503": () => createHttpServer((request, answer) => void request.resume().on("end", () => answer.writeHead(503).end())),
  "says nothing": () => createServer((socket) => void socket.on("error", () => {})),
  "closes every connection": () => createServer((socket) => void socket.destroy()),
};

for (const [name, make] of Object.entries(SERVERS)) {
  test(`a server that ${name} costs bounded memory over ${EVENTS} events`, async () => {
    const server = make();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const ended = await run(["--expose-gc", "soak.mjs", String(EVENTS)], { DEBUGQUEUE_ENDPOINT: endpoint });
    server.close();
    assert.equal(ended.code, 0, ended.stderr);
    const { early, late, counts } = JSON.parse(ended.stdout) as Record<"early" | "late" | "counts", Record<string, number>>;
    const text = JSON.stringify({ early, late, counts });
    assert.equal(counts?.["created"], EVENTS, text);
    assert.equal((counts?.["sent"] ?? 0) + (counts?.["dropped"] ?? 0) + (counts?.["waiting"] ?? 0), EVENTS, text);
    // A queue that is full holds 4 MiB; what is past that was not given back.
    assert.ok((late?.["heap"] ?? 0) - (early?.["heap"] ?? 0) < 4 * MIB, text);
    assert.ok((late?.["resident"] ?? 0) - (early?.["resident"] ?? 0) < 16 * MIB, text);
  });
}
