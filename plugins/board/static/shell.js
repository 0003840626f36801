// The page in Airflow's frame. Airflow sandboxes it without leave to navigate the window or to open another one,
// so what leads to Airflow's own pages is clicked in Airflow's document, which is of the same origin.

import { el } from "./dom.js";

const framed = parent !== window;

/** A link to a page of this Airflow; only its text when there is no address, or one that leads elsewhere. */
export function airflowLink(url, text, attributes = {}) {
  if (!url || new URL(url, location.href).origin !== location.origin) return el("span", {}, text);
  return el("a", { ...attributes, href: url, target: "_top", click: follow }, text);
}

function follow(event) {
  if (framed) {
    event.preventDefault();
    const elsewhere = event.ctrlKey || event.metaKey || event.shiftKey;
    leave(event.currentTarget.href, elsewhere ? "_blank" : "_self");
  }
}

function leave(url, target) {
  const link = parent.document.createElement("a");
  Object.assign(link, { href: url, target });
  parent.document.body.append(link);
  link.click();
  link.remove();
}

/** Show a page of this Airflow in place of this one. */
export function go(url) {
  if (framed) leave(new URL(url, location.href).href, "_self");
  else location.assign(url);
}

/** Load the whole window again: Airflow asks for the login when it has expired. */
export function reload() {
  (framed ? parent : window).location.reload();
}

/**
 * Put what is shown into the window's address, as Airflow itself does once the frame has loaded
 * (`/plugin/clones/clones/#/service/NAME`): a reload, a bookmark and a copied link show it again.
 */
export function mirror() {
  if (!framed) return;
  const [page] = parent.location.pathname.match(/^.*?\/plugin\/[^/]+/) ?? [];
  if (page) parent.history.replaceState(parent.history.state, "", page + location.pathname + location.search + location.hash);
}

/** A path below this Airflow's root, whatever prefix it is served under: the page itself is at `ROOT/clones/`. */
export function airflowPath(path) {
  return new URL(`../${path}`, new URL(".", location.href)).pathname;
}
