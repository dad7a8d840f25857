/**
 * Compile test/unit, or test/long with --long, to build/test and run it with Node's own runner, on the Node that runs
 * this file. Other words choose files by parts of their names.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const out = join(root, "build", "test");
const isLong = process.argv.includes("--long");
const folder = join(root, "test", isLong ? "long" : "unit");
const wanted = process.argv.slice(2).filter((word) => word !== "--long");
const tests = readdirSync(folder)
  .filter((name) => name.endsWith(".test.ts") && (wanted.length === 0 || wanted.some((part) => name.includes(part))))
  .map((name) => join(folder, name));

rmSync(out, { recursive: true, force: true });
await build({
  entryPoints: tests,
  outdir: out,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  packages: "external",
  format: "esm",
  platform: "node",
  target: "node18",
  sourcemap: "inline",
  define: { __VERSION__: '"0.0.0-test"' },
  banner: { js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);' },
});
const files = readdirSync(out).map((name) => join(out, name));
const done = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...files], { stdio: "inherit", cwd: root });
process.exit(done.status ?? 1);
