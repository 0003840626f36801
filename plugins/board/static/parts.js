// What both views show: a status, a time, a copy's age against its limit, a run.

import { el, setText } from "./dom.js";
import { clock } from "./feed.js";
import { airflowLink } from "./shell.js";
import { SYMBOLS, share } from "./statuses.js";
import { age, distance, exact, spoken, stamp, stampToSecond, viewersZone } from "./time.js";

const ROOM = 1.25; // a bar ends at this many times the limit

export function zone() {
  return viewersZone(localStorage.getItem("timezone"));
}

export function statusMark(status, word = status) {
  return el(`span.status.${status}`, {}, el("span.symbol", { "aria-hidden": "true" }, SYMBOLS[status]), ` ${word}`);
}

/** A sentence, with what it has between backquotes as code. */
export function prose(text) {
  return text.split("`").map((part, at) => (at % 2 ? el("code", {}, part) : part));
}

/** A time in the viewer's zone; to the second when one points at it. */
export function time(iso, text = stamp(iso, clock.now(), zone())) {
  return el("time", { datetime: iso, title: exact(iso, zone()) }, text);
}

/** The same, which shows its seconds. */
export function timeToSecond(iso) {
  return time(iso, stampToSecond(iso, clock.now(), zone()));
}

/** Something whose text depends on the time: `ticks` gets a function that brings it up to date. */
export function ticking(ticks, element, text) {
  const tick = () => setText(element, text(clock.now()));
  ticks.push(tick);
  tick();
  return element;
}

export function ago(ticks, iso) {
  return ticking(ticks, time(iso), (now) => distance(iso, now));
}

/** Whether the service itself ran when a run saw it last: another matter than the status of its copies. */
export function ownState(ticks, own, brief = false) {
  const state = el(`span${own.state === "up" ? "" : ".amiss"}`, {}, `service ${own.state}`);
  if (brief) return el("div.own.quiet", { title: [own.why, own.run_id].filter(Boolean).join(", ") }, state, el("div", {}, ago(ticks, own.at)));
  const run = own.run_id && [" by ", airflowLink(own.url, own.run_id)];
  return el("div.own", {}, state, own.why && (own.state === "up" ? ` ${own.why}` : `: ${own.why}`), el("span.quiet", {}, ", seen ", ago(ticks, own.at), run));
}

/** Which target set a service uses: that of the copies whose age counts. */
export function usedSet(set) {
  if (!set.name) return el("div.own", {}, el("span.amiss", {}, "set in use not known"));
  return el("div.own", {}, set.role === "in use" ? `uses set ${set.name}` : `starts on set ${set.name}`);
}

/**
 * One sync: its name, its copy's age against the limit, and how far it is copied while tracks move.
 * @param {string} told what is said beside it already, and not again here
 */
export function copyLine(ticks, sync, told = "") {
  const line = el("li.copy", {}, el("span.name", { title: sync.sync }, sync.sync));
  if (sync.point_in_time) {
    line.append(ageBar(ticks, sync), ageText(ticks, sync));
  } else {
    const why = sync.why && !told.includes(sync.why) ? sync.why : "no point in time";
    line.append(el("span.bar.empty", { "aria-hidden": "true" }), el("span.said", {}, why));
  }
  if (sync.percent !== null && sync.percent !== undefined) {
    line.append(progressBar(sync), ticking(ticks, el("span.said.moving"), (now) => progressText(sync, now)));
  }
  return line;
}

function ageBar(ticks, sync) {
  const fill = el("span.fill");
  const bar = el("span.bar", { "aria-hidden": "true" }, fill, sync.sync_max_delay ? el("span.limit") : null);
  const tick = () => {
    const reached = share(sync, clock.now()) ?? 0;
    fill.style.width = `${Math.min(reached / ROOM, 1) * 100}%`;
    bar.classList.toggle("over", reached > 1);
  };
  ticks.push(tick);
  tick();
  return bar;
}

function ageText(ticks, sync) {
  const said = ticking(ticks, el("span"), (now) => {
    const old = age(sync.point_in_time, now);
    if (!sync.sync_max_delay) return `${spoken(old)} old`;
    return `${spoken(old)} ${old > sync.sync_max_delay ? "old, limit" : "of"} ${spoken(sync.sync_max_delay)}`;
  });
  said.title = `Copy of ${exact(sync.point_in_time, zone())}`;
  return el("span.said", {}, said);
}

function progressBar(sync) {
  const fill = el("span.fill");
  fill.style.width = `${sync.percent}%`;
  const said = { role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": sync.percent };
  return el("span.bar.progress", { ...said, "aria-label": `${sync.sync} copied` }, fill);
}

export function progressText(sync, now) {
  if (!sync.ends) return `${sync.percent}% copied`;
  return Date.parse(sync.ends) > now
    ? `${sync.percent}% copied, ends ${distance(sync.ends, now)}`
    : `${sync.percent}% copied, takes longer than expected`;
}

/** What runs, since when, and who holds it up. */
export function nowCell(ticks, row) {
  const said = [];
  if (row.running) {
    const run = row.running;
    said.push(
      airflowLink(run.url, run.action || run.dag_id),
      run.task && el("div.quiet", {}, run.task),
      el("div.quiet", {}, run.state === "queued" ? "queued " : "", run.began && ticking(ticks, time(run.began), (now) => `for ${spoken(age(run.began, now))}`)),
    );
  }
  if (row.held_by) {
    said.push(el("div.held", {}, airflowLink(row.held_by.url, row.held_by.text)));
    if (row.held_by.press) said.push(el("div.press", {}, prose(row.held_by.press)));
  }
  return said.length ? said : [el("span.quiet", {}, "nothing runs")];
}

export function lastRun(ticks, run) {
  if (!run) return [el("span.quiet", {}, "no run yet")];
  const failed = run.state === "failed";
  const what = [run.action, run.result || run.state].filter(Boolean).join(" ");
  return [
    el(`span.${failed ? "bad" : "good"}`, { "aria-hidden": "true" }, failed ? "✕ " : "✓ "),
    airflowLink(run.url, `${what}${run.at ? ` at ${run.at}` : ""}`),
    el("div.quiet", {}, ago(ticks, run.ended), `, took ${spoken(run.seconds)}`),
  ];
}

export function nextRun(ticks, row) {
  if (row.paused) return [el("span.paused", {}, "paused")];
  if (!row.next_run) return [el("span.quiet", {}, "no schedule")];
  return [time(row.next_run), el("div.quiet", {}, ago(ticks, row.next_run))];
}
