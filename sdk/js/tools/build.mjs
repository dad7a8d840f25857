/**
 * Build the package into dist/:
 *   cjs/      all of the Node code as one CommonJS file, an entry for each way to ask for a part of it, and types
 *   esm/      for each Node entry, an ES module that re-exports it, so that both kinds share one queue
 *   browser/  one minified ES module without imports
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { bundleBrowser } from "./browser.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const dist = join(root, "dist");
const require = createRequire(import.meta.url);
const ENTRIES = ["index", "register", "http", "express", "fastify", "console", "pino", "winston"];

/** The rules belong to the server; the copy beside our sources is what a package without the repository builds from. */
function copyRules() {
  const own = join(root, "src", "core", "rules.json");
  const servers = join(root, "..", "..", "src", "tracepulse", "redaction", "rules.json");
  if (existsSync(servers)) copyFileSync(servers, own);
}

/** One file, because every name that is imported across CommonJS files is looked up anew at each use. */
async function buildNode() {
  await build({
    entryPoints: [join(root, "src", "node", "all.ts")],
    outfile: join(dist, "cjs", "node", "all.js"),
    bundle: true,
    format: "cjs",
    platform: "node",
    target: "node18",
    define: { __VERSION__: JSON.stringify(require("../package.json").version) },
  });
  for (const entry of ENTRIES) {
    const code = entry === "register" ? 'require("./all.js").index.start();\n' : `module.exports = require("./all.js").${entry};\n`;
    writeFileSync(join(dist, "cjs", "node", `${entry}.js`), code);
  }
  writeFileSync(join(dist, "cjs", "package.json"), '{ "type": "commonjs" }\n');
}

/** Node evaluates the CommonJS copy once, whoever asks; names are listed so that every tool sees them. */
function writeModules() {
  mkdirSync(join(dist, "esm"), { recursive: true });
  for (const entry of ENTRIES) {
    const file = join(dist, "cjs", "node", `${entry}.js`);
    const from = `../cjs/node/${entry}.js`;
    const sideEffectsOnly = entry === "register";
    const names = sideEffectsOnly ? [] : Object.keys(require(file)).filter((name) => name !== "default" && name !== "__esModule");
    const hasDefault = !sideEffectsOnly && "default" in require(file);
    const code = sideEffectsOnly
      ? `import "${from}";\n`
      : `import cjs from "${from}";\n` +
        (names.length ? `export const { ${names.join(", ")} } = cjs;\n` : "") +
        (hasDefault ? "export default cjs.default;\n" : "");
    writeFileSync(join(dist, "esm", `${entry}.mjs`), code);
    const types = `export * from "${from}";\n` + (hasDefault ? `export { default } from "${from}";\n` : "");
    writeFileSync(join(dist, "esm", `${entry}.d.mts`), types);
  }
}

async function buildBrowser() {
  const entry = join(root, "src", "browser", "index.ts");
  if (!existsSync(entry)) return;
  await bundleBrowser(join(dist, "browser", "index.mjs"));
  writeFileSync(join(dist, "browser", "index.d.mts"), 'export * from "../cjs/browser/index.js";\n');
}

rmSync(dist, { recursive: true, force: true });
copyRules();
execFileSync(join(root, "node_modules", ".bin", "tsc"), ["-p", join(root, "tsconfig.build.json")], { stdio: "inherit" });
await buildNode();
await buildBrowser();
writeModules();
