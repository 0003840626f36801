// What the page shows stands in the part of its address after `#`, so that a link or a reload shows it again.

export const SORTS = ["status", "service", "age", "running", "last", "next"];

/**
 * @returns {{view: "fleet", text: string, statuses: string[], sort: string, descending: boolean} |
 *           {view: "service", name: string} | {view: "record", name: string, dag: string, run: string}}
 */
export function read(hash) {
  const [path, query = ""] = hash.replace(/^#/, "").split("?");
  const [kind, name, ...more] = path.slice(1).split("/").map(decoded);
  if (kind === "service" && name && !more.length) return { view: "service", name };
  if (kind === "service" && name && more[0] === "run" && more.length === 3) return { view: "record", name, dag: more[1], run: more[2] };
  const words = new URLSearchParams(query);
  return {
    view: "fleet",
    text: words.get("text") ?? "",
    statuses: (words.get("status") ?? "").split(",").filter(Boolean),
    sort: SORTS.includes(words.get("sort")) ? words.get("sort") : "status",
    descending: words.get("order") === "descending",
  };
}

export function write(shown) {
  const word = encodeURIComponent;
  if (shown.view === "service") return `#/service/${word(shown.name)}`;
  if (shown.view === "record") return `#/service/${word(shown.name)}/run/${word(shown.dag)}/${word(shown.run)}`;
  const words = new URLSearchParams();
  if (shown.text) words.set("text", shown.text);
  if (shown.statuses.length) words.set("status", shown.statuses.join(","));
  if (shown.sort !== "status") words.set("sort", shown.sort);
  if (shown.descending) words.set("order", "descending");
  const query = words.toString();
  return `#/${query ? `?${query}` : ""}`;
}

function decoded(word) {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}
