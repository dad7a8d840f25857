import { Limit } from "./limits.js";

/** Return where an element stands, by tag names, ids and classes, never by its text; `form#pay>button.go`. */
export function whereabouts(target: unknown): string {
  let path = "";
  for (
    let node = target as Element | null;
    node?.getAttribute && path.length < Limit.Path;
    node = node.parentNode as Element | null
  ) {
    const id = node.getAttribute("id");
    const suffix = id ? "#" + id : ["", ...node.classList].slice(0, 3).join(".");
    path = node.localName + suffix + (path && ">" + path);
    if (id) break;
  }
  return path;
}
