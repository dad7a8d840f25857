/**
 * What the browser bundle weighs with every signal on, as it travels: minified (esbuild, es2020), gzip -9.
 *
 *   node bench/size.mjs            the bundle, file by file
 *   node bench/size.mjs --json     {"browser_gzip_bytes": …}, one line
 *   node bench/size.mjs --peers    beside it the published bundles of others, built from the npm registry
 *
 * Exit status 1: it is larger than the limit.
 */
import { brotliCompressSync, gzipSync } from "node:zlib";
import { bundleBrowser } from "../tools/browser.mjs";
import { peers } from "./peers.mjs";

const LIMIT_BYTES = 8192;
const packed = (text) => ({
  minified: Buffer.byteLength(text),
  gzip: gzipSync(text, { level: 9 }).length,
  brotli: brotliCompressSync(text).length,
});

const own = packed(await bundleBrowser());
if (process.argv.includes("--json")) {
  console.log(JSON.stringify({ browser_gzip_bytes: own.gzip, browser_minified_bytes: own.minified, browser_brotli_bytes: own.brotli }));
} else {
  const rows = [["debugqueue/browser, every signal", own]];
  if (process.argv.includes("--peers")) {
    for await (const [name, text] of peers()) rows.push([name, packed(text)]);
  }
  for (const [name, { minified, gzip, brotli }] of rows) {
    console.log(`${name.padEnd(62)} minified ${String(minified).padStart(7)}  gzip ${String(gzip).padStart(6)}  brotli ${String(brotli).padStart(6)}`);
  }
}
if (own.gzip > LIMIT_BYTES) {
  console.error(`the bundle has ${own.gzip} bytes packed; at most ${LIMIT_BYTES} are allowed`);
  process.exitCode = 1;
}
