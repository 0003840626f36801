// All services, a row each.

import { el, refill, setText } from "./dom.js";
import { write } from "./address.js";
import { clock } from "./feed.js";
import { chosen, counted, sorted } from "./order.js";
import { copyLine, lastRun, nextRun, nowCell, ownState, prose, statusMark, ticking, usedSet } from "./parts.js";
import { STATUSES, isFresh, shownStatus, staleness } from "./statuses.js";
import { age, spoken } from "./time.js";

const COLUMNS = [
  ["status", "Status"], ["service", "Service"], ["age", "Copies"], ["running", "Now"], ["last", "Last run"],
  ["next", "Next"], [null, "Action"],
];

const FIRST = 20; // rows that are written out at once

/**
 * Every service has its row, so that the browser's search and a screen reader find it; only what is near the part
 * in sight is written out, the others have their status and name alone.
 *
 * @param {(shown: Object) => void} onShown another filter or order was chosen
 * @param {(service: string) => void} onTrigger
 * @param {(text: string) => void} tell says it to who does not see it
 */
export class Fleet {
  element = el("section.fleet", { "aria-label": "All services" });
  #rows = []; // as the server sent them
  #fleet = { looked: null, every_minutes: null };
  #shown;
  #stale = false;
  #built = new Map(); // service name -> {element, row, from: what it was written from, near, ticks}
  #body = el("tbody", { role: "rowgroup", contentvisibilityautostatechange: (event) => this.#moved(event) });
  #heads = new Map();
  #filters = new Map();
  #count = el("span.quiet", { "aria-live": "polite" });
  #search;
  #on;

  constructor(shown, on) {
    this.#shown = shown;
    this.#on = on;
    this.#search = el("input", {
      type: "search", placeholder: "service, reason, sync…", "aria-label": "Filter by text", value: shown.text,
      input: () => this.#choose({ text: this.#search.value }),
    });
    const filters = STATUSES.map((status) => {
      const button = el("button.filter", { type: "button", click: () => this.#toggle(status) });
      this.#filters.set(status, button);
      return button;
    });
    const columns = COLUMNS.map(([key, name]) => this.#head(key, name));
    this.element.append(
      el("div.tools", { role: "search" }, this.#search, el("div.filters", { role: "group", "aria-label": "Filter by status" }, filters), this.#count),
      el("table", { role: "table", "aria-label": "Services" },
        el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, columns)), this.#body),
    );
  }

  /** The filter and the order. */
  get shown() {
    return this.#shown;
  }

  /** New data of the server. */
  update(fleet) {
    const before = new Map(this.#rows.map((row) => [row.service, row.status]));
    this.#fleet = fleet;
    this.#rows = fleet.services;
    this.#draw();
    if (before.size) this.#tellChanges(before);
  }

  /** Another filter or order, as the address says. */
  show(shown) {
    this.#shown = shown;
    if (this.#search.value !== shown.text) this.#search.value = shown.text;
    this.#draw();
  }

  /** Time has passed. */
  tick() {
    if (this.#stale || this.#stale !== Boolean(staleness(this.#fleet, clock.now()))) this.#draw();
    for (const { ticks } of this.#built.values()) for (const tick of ticks) tick();
  }

  #head(key, name) {
    if (!key) return el("th", { role: "columnheader", scope: "col" }, el("span.unseen", {}, name));
    const head = el("th", { role: "columnheader", scope: "col" }, el("button", { type: "button", click: () => this.#sort(key) }, name));
    this.#heads.set(key, head);
    return head;
  }

  #choose(changes) {
    this.#shown = { ...this.#shown, ...changes };
    this.#draw();
    this.#on.onShown(this.#shown);
  }

  #toggle(status) {
    const { statuses } = this.#shown;
    const without = statuses.filter((one) => one !== status);
    this.#choose({ statuses: without.length < statuses.length ? without : [...statuses, status] });
  }

  #sort(key) {
    const same = this.#shown.sort === key;
    this.#choose({ sort: key, descending: same && !this.#shown.descending });
  }

  #draw() {
    const now = clock.now();
    const stale = Boolean(staleness(this.#fleet, now));
    this.#stale = stale;
    for (const row of this.#rows) row.fresh = isFresh(row, this.#fleet, now);
    const rows = sorted(chosen(this.#rows, this.#shown, stale), this.#shown, stale, now);
    this.#drawTools(rows.length, stale);
    this.#arrange(rows.map((row, at) => this.#row(row, at < FIRST).element));
    const there = new Set(this.#rows.map((row) => row.service));
    for (const name of this.#built.keys()) if (!there.has(name)) this.#built.delete(name);
  }

  #drawTools(number, stale) {
    const counts = counted(this.#rows, stale);
    for (const [status, button] of this.#filters) {
      const said = `${status} ${counts[status]}`;
      if (button.dataset.said !== said) button.replaceChildren(statusMark(status, said));
      button.dataset.said = said;
      button.setAttribute("aria-pressed", this.#shown.statuses.includes(status));
    }
    for (const [key, head] of this.#heads) {
      const order = this.#shown.descending ? "descending" : "ascending";
      if (key === this.#shown.sort) head.setAttribute("aria-sort", order);
      else head.removeAttribute("aria-sort");
    }
    const all = this.#rows.length;
    setText(this.#count, (number === all ? "" : `${number} of `) + (all === 1 ? "1 service" : `${all} services`));
  }

  /** The elements in this order, touching only what is not in its place: scroll and focus stay. */
  #arrange(elements) {
    const focused = document.activeElement;
    const wanted = new Set(elements);
    for (const row of [...this.#body.children]) if (!wanted.has(row)) row.remove();
    let place = this.#body.firstChild;
    for (const row of elements) {
      if (row === place) place = place.nextSibling;
      else this.#body.insertBefore(row, place);
    }
    if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
  }

  /** A service's row, written anew only when something has changed. */
  #row(row, near) {
    let built = this.#built.get(row.service);
    if (!built) {
      built = { element: el("tr", { role: "row" }), near, ticks: [] };
      built.element.dataset.service = row.service;
      this.#built.set(row.service, built);
    }
    const from = JSON.stringify([row, this.#stale]);
    if (built.from !== from) {
      [built.row, built.from] = [row, from];
      this.#write(built);
    }
    return built;
  }

  /** A row comes near to what is seen, or goes away from it: the browser, which lays out only those near, says so. */
  #moved({ target, skipped }) {
    const built = this.#built.get(target.dataset.service);
    if (!built || built.near === !skipped || (skipped && target.contains(document.activeElement))) return;
    built.near = !skipped;
    this.#write(built);
  }

  #write({ element, row, near, ticks }) {
    const status = shownStatus(row, this.#stale);
    const word = status === row.status ? status : `was ${row.status}`;
    const mark = el("td", { role: "cell" }, statusMark(status, word));
    const name = el("th", { role: "rowheader", scope: "row" },
      el("a.service", { href: write({ view: "service", name: row.service }), "data-key": "service" }, row.service));
    ticks.length = 0;
    element.className = status;
    if (near) refill(element, ...this.#filled(row, status !== "up", mark, name, ticks));
    else refill(element, mark, name);
  }

  #filled(row, wrong, mark, name, ticks) {
    if (row.since) mark.append(ticking(ticks, el("div.quiet"), (now) => `for ${spoken(age(row.since, now))}`));
    if (row.own) mark.append(ownState(ticks, row.own, true));
    if (row.set) mark.append(usedSet(row.set));
    if (wrong && row.why) name.append(el("div.why", {}, prose(row.why)));
    else name.append(el("div.quiet", {}, row.description));
    if (wrong && row.press) name.append(el("div.press", {}, prose(row.press)));
    const trigger = row.may_trigger && el("button", {
      type: "button", "aria-label": `Trigger ${row.service}…`, "data-key": "trigger", click: () => this.#on.onTrigger(row.service),
    }, "Trigger…");
    const cells = [
      el("ul.copies", {}, row.syncs.map((sync) => copyLine(ticks, sync, row.why))),
      nowCell(ticks, row), lastRun(ticks, row.last_run), nextRun(ticks, row), trigger,
    ];
    return [mark, name, ...cells.map((cell) => el("td", { role: "cell" }, cell))];
  }

  #tellChanges(before) {
    const changed = this.#rows.filter((row) => before.has(row.service) && before.get(row.service) !== row.status);
    if (changed.length > 3) this.#on.tell(`${changed.length} services changed their status.`);
    else if (changed.length) this.#on.tell(changed.map((row) => `${row.service} is ${row.status}.`).join(" "));
  }
}
