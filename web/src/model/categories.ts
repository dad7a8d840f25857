/** What a section of time was spent on: the server's word, and the token and name it is drawn with. */

export interface CategoryLook {
  /** Name in plain words. */
  name: string;
  /** Class that sets `--c`, and the token behind it. */
  token: string;
}

const LOOKS: Readonly<Record<string, CategoryLook>> = {
  own: { name: "own work", token: "code" },
  database: { name: "database", token: "db" },
  cache: { name: "cache", token: "cache" },
  messaging: { name: "messaging", token: "messaging" },
  network: { name: "network", token: "network" },
  waiting: { name: "waiting", token: "wait" },
  external: { name: "external", token: "external" },
  browser: { name: "browser", token: "browser" },
  resource: { name: "resource", token: "resource" },
};

/** Drawn in grey: a span off the path whose category the server did not tell. */
export const PLAIN: CategoryLook = { name: "", token: "plain" };

/** Return how to draw a category; one that is not known keeps its own name, in grey. */
export function categoryLook(category: string | undefined): CategoryLook {
  if (category === undefined || category === "") return PLAIN;
  return Object.hasOwn(LOOKS, category) ? LOOKS[category]! : { name: category, token: "plain" };
}

/** Every token a canvas may ask for. */
export const TOKENS: readonly string[] = [...Object.values(LOOKS).map((look) => look.token), PLAIN.token];
