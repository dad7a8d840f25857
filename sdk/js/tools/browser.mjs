/** Bundle src/browser into one minified ES module without imports. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const require = createRequire(import.meta.url);

/** Return a pattern as a literal that matches the same, written shorter. */
function literal(source, flags) {
  const short = source
    .replace(/\\[\s\S]/g, (escaped) => (/["']/.test(escaped) ? escaped[1] : escaped))
    .replaceAll("(?![\\s\\S])", "$");
  return RegExp(short, flags).toString();
}

/** Return a pattern that is only asked whether it matches; then groups need not be told apart. */
const test = (source, flags) => literal(source, flags).replaceAll("(?:", "(");

/** As in src/browser/rules.ts. */
const CHECKS = ["luhn", "base64_with_colon"];

/** Return src/browser/rules.ts as literals: what it works out when it runs, worked out now. */
function literalRules({ names, values }) {
  const unless = [...new Set(values.map((rule) => rule.unless).filter(Boolean))];
  const rules = values
    .filter(({ asked }) => asked !== "ip")
    .map(({ kind, pattern, ignore_case, unless: exception, check }) =>
      [
        JSON.stringify(kind),
        literal(pattern, ignore_case ? "gi" : "g"),
        ...(exception || check ? [exception ? `unless${unless.indexOf(exception)}` : 0] : []),
        ...(check ? [CHECKS.indexOf(check) + 1] : []),
      ].join(),
    );
  return (
    unless.map((source, at) => `const unless${at} = ${test(source, "i")};\n`).join("") +
    `export const RULES = [${rules.map((rule) => `[${rule}]`)}];\n` +
    `export const SECRET = ${test(names.secret, "")}, HARMLESS = ${test(names.harmless, "")};\n`
  );
}

const rulesPlugin = {
  name: "rules",
  setup(building) {
    building.onLoad({ filter: /browser[\\/]rules\.ts$/ }, () => ({
      contents: literalRules(JSON.parse(readFileSync(join(root, "src", "core", "rules.json"), "utf8"))),
      loader: "js",
    }));
  },
};

/**
 * Write the bundle, or return its text where no file is named.
 *
 * @param {string} [outfile]
 * @param {boolean} [debug] let faults of the SDK out into the page, for its own tests
 */
export async function bundleBrowser(outfile, debug = false) {
  const { outputFiles } = await build({
    entryPoints: [join(root, "src", "browser", "index.ts")],
    ...(outfile ? { outfile } : { write: false }),
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2020",
    mangleProps: /^_[a-z]/,
    legalComments: "none",
    define: { __VERSION__: JSON.stringify(require("../package.json").version), __DEBUG__: String(debug) },
    plugins: [rulesPlugin],
  });
  return outputFiles?.[0]?.text;
}
