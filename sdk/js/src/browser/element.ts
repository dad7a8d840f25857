const LONGEST = 80;

/** Return where an element stands, by tag names, ids and classes, never by its text; `form#pay>button.go`. */
export function whereabouts(target: unknown): string {
  let path = "";
  for (
    let node = target as Element | null;
    node && node.nodeType == 1 && path.length < LONGEST;
    node = node.parentNode as Element | null
  ) {
    const id = node.getAttribute("id");
    const classes = (node.getAttribute("class") || "").trim().split(/\s+/, 2).join(".");
    path = node.localName + (id ? "#" + id : classes && "." + classes) + (path && ">" + path);
    if (id) break;
  }
  return path.slice(0, 2 * LONGEST);
}
