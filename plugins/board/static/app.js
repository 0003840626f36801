// The page: what the address asks for is fetched, shown, and kept up to date.

import { read, write } from "./address.js";
import { el, setText } from "./dom.js";
import { Feed, clock } from "./feed.js";
import { Fleet } from "./fleet.js";
import { zone } from "./parts.js";
import { RecordView, ServiceView } from "./service.js";
import { mirror, reload } from "./shell.js";
import { silence, staleness } from "./statuses.js";
import { distance, stamp } from "./time.js";
import { askAndTrigger } from "./trigger.js";

const TICK = 15_000; // milliseconds

const view = document.querySelector("#view");
const notices = document.querySelector("#notices");
const told = document.querySelector("#told");
const looked = el("span.quiet");

let feed = null;
let current = null; // what the address asks for, and its page
let fleet = null; // kept while a service is looked at, with its scroll position
let scrolled = 0;
let facts = null; // what the last answer said about the looks
let trouble = null;
let answered = null; // when the server last did, in its own time

function route() {
  const shown = read(location.hash);
  if (shown.view === "fleet" && current?.view === "fleet") fleet.show(shown);
  else if (!current || write(current) !== write(shown)) open(shown);
  mirror();
}

function open(shown) {
  const first = !current;
  if (current?.view === "fleet") scrolled = scrollY;
  feed?.stop();
  [facts, trouble, answered] = [null, null, null];
  current = { ...shown, page: pageOf(shown) };
  document.title = shown.name ? `${shown.name} · Clones` : "Clones";
  delete view.dataset.ready;
  view.replaceChildren(el("header", {}, heading(shown), looked), current.page.element);
  if (!first) view.focus({ preventScroll: true }); // a reader begins at the new page
  scrollTo(0, shown.view === "fleet" ? scrolled : 0);
  feed = new Feed(addressOf(shown), { onData: arrived, onTrouble: troubled });
  feed.start();
  notice();
}

function pageOf(shown) {
  if (shown.view === "service") return new ServiceView({ onTrigger: trigger, tell });
  if (shown.view === "record") return new RecordView();
  fleet ??= new Fleet(shown, { onShown: remember, onTrigger: trigger, tell });
  fleet.show(shown);
  return fleet;
}

function addressOf(shown) {
  const words = (...parts) => parts.map(encodeURIComponent).join("/");
  if (shown.view === "service") return `api/services/${words(shown.name)}`;
  if (shown.view === "record") return `api/services/${words(shown.name)}/records/${words(shown.dag, shown.run)}`;
  return "api/fleet";
}

/** Where one is, with the ways back: to the list with the filter that it had. */
function heading(shown) {
  if (!shown.name) return el("h1", {}, "Clones");
  const list = el("a", { href: fleet ? write(fleet.shown) : "#/" }, "Clones");
  const service = shown.view === "record"
    ? [el("a", { href: write({ view: "service", name: shown.name }) }, shown.name), ` / ${shown.run}`]
    : shown.name;
  return el("h1", {}, list, " / ", service);
}

function remember(shown) {
  history.replaceState(history.state, "", write(shown));
  mirror();
}

function arrived(found) {
  if ("looked" in found) facts = found;
  current.page.update(found);
  if (view.dataset.ready) return;
  view.dataset.ready = "true";
  requestAnimationFrame(() => performance.mark("first rows")); // to be measured
}

function troubled(found) {
  trouble = found;
  if (!trouble) answered = clock.now();
  notice();
}

function trigger(service, action, given) {
  askAndTrigger(service, { action, ...given }, { tell, onDone: () => feed.ask() });
}

function tell(text) {
  setText(told, text);
}

/** What is wrong with what is shown, and how old it is. */
function notice() {
  const now = clock.now();
  const said = [];
  if (trouble?.status === 401 || trouble?.status === 403) {
    said.push(["Your login has expired. ", el("button", { type: "button", click: reload }, "Log in again")]);
  } else if (trouble?.status === 404) {
    said.push([`There is no ${current.view} ${current.run ?? current.name}, or you may not see it.`]);
  } else if (trouble) {
    const what = trouble.status ? `The server answered ${trouble.status}${trouble.detail ? `: ${trouble.detail}` : ""}.` : "The server does not answer.";
    said.push([what, answered ? ` The page shows the state of ${stamp(new Date(answered).toISOString(), now, zone())}.` : ""]);
  }
  if (facts?.error) said.push([facts.error]);
  for (const { part, since } of facts?.silent ?? []) said.push([silence(part, since, now)]);
  const stale = facts ? staleness(facts, now) : "";
  if (stale) said.push([stale]);
  const text = said.map((parts) => parts[0]).join("\n");
  if (notices.dataset.said !== text) notices.replaceChildren(...said.map((parts) => el("p.notice", {}, parts)));
  notices.dataset.said = text;
  setText(looked, facts ? lookedText(now) : "");
}

function lookedText(now) {
  const every = facts.every_minutes ? `, every ${facts.every_minutes} min` : "";
  const look = facts.looked ? `checked ${distance(facts.looked, now)}${every}` : "not checked yet";
  return `${look} · times in ${zone()}`;
}

function tick() {
  if (document.hidden) return;
  current?.page.tick();
  notice();
}

addEventListener("hashchange", route);
addEventListener("storage", (event) => {
  if (event.key === "timezone" && current) {
    const shown = read(location.hash);
    [current, fleet] = [null, null];
    open(shown);
  }
});
setInterval(tick, TICK);
route();
