// One service: its copies, pairs, runs and records, and what can be pressed.

import { el, swap } from "./dom.js";
import { clock } from "./feed.js";
import { ago, copyLine, lastRun, nextRun, nowCell, ownState, progressText, prose, statusMark, ticking, time, usedSet, zone } from "./parts.js";
import { recordTitle, recordView, table } from "./record.js";
import { sawTooth } from "./saw_tooth.js";
import { airflowLink } from "./shell.js";
import { isFresh, shownStatus, staleness } from "./statuses.js";
import { age, exact, spoken } from "./time.js";
import { timeline } from "./timeline.js";

export class ServiceView {
  element = el("div.one");
  #parts = new Map(); // title -> {made: what it was built from, element, ticks}
  #status = null;
  #on;

  /** @param on onTrigger(service, action, what else to fill in), tell(text) */
  constructor(on) {
    this.#on = on;
  }

  update(found) {
    const stale = Boolean(staleness(found, clock.now())) && !isFresh(found, found, clock.now());
    const { pairs, pairs_seen: seen, pairs_clock: zone, kept, runs, ages, records, actions } = found;
    this.#part("Status", [found.status, found.why, found.press, found.since, found.description, found.own, found.set, stale], (ticks) => summary(ticks, found, stale));
    this.#part("Copies", found.syncs, (ticks) => el("ul.copies", {}, found.syncs.map((sync) => copyLine(ticks, sync))));
    this.#part("Runs now and next", [found.running, found.held_by, found.last_run, found.next_run, found.paused], (ticks) => facts(ticks, found));
    this.#part("Actions", actions, () => this.#actions(found.service, actions));
    if (found.sets?.length) this.#part("Target sets", found.sets, (ticks) => setTable(ticks, found.sets));
    this.#part("Pairs", [pairs, seen, zone], (ticks) => pairTable(ticks, pairs, seen, zone));
    if (kept?.length) this.#part("Snapshots", kept, (ticks) => keptTable(ticks, kept));
    this.#part("Age of the copies", [ages, Math.floor(clock.now() / 60_000)], () => el("div.figures", {}, Object.entries(ages).map(([sync, one]) => sawTooth(sync, one))));
    this.#part("Last runs", [runs, runs.some((run) => !run.ended) && clock.now()], () => timeline(runs));
    this.#part("Run records", records, () => recordList(records));
    if (this.#status && this.#status !== found.status) this.#on.tell(`${found.service} is ${found.status}.`);
    this.#status = found.status;
  }

  tick() {
    for (const { ticks } of this.#parts.values()) for (const tick of ticks) tick();
  }

  /** A section, built again only when what it is built from has changed. */
  #part(title, from, build) {
    const made = JSON.stringify(from);
    const known = this.#parts.get(title);
    if (known?.made === made) return;
    const ticks = [];
    const element = el("section", { "aria-label": title, "data-part": title }, el("h2", {}, title), build(ticks));
    this.#parts.set(title, { made, element, ticks });
    if (known) swap(known.element, element);
    else this.element.append(element);
  }

  #actions(service, actions) {
    const allowed = actions.filter((one) => one.allowed);
    if (!allowed.length) return el("p.quiet", {}, "You may view this service, but not trigger it.");
    return el("ul.actions", {}, allowed.map((one) => one.action === "rewind"
      ? this.#rewind(service, one)
      : el("li", {}, this.#action(service, one), el("span.quiet", {}, one.title))));
  }

  /** Back to another set, or to the snapshot before: to which time that is, what it costs, or why not now. */
  #rewind(service, one) {
    const to = one.to ? `rewind to set ${one.set} of ${exact(one.to, zone())}…` : one.set ? `rewind to set ${one.set}…` : "rewind…";
    const leaves = one.from_set && `What was written on set ${one.from_set}${one.leaves ? `, a copy of ${exact(one.leaves, zone())},` : ""} is no longer seen, and is lost with the next refresh.`;
    const says = leaves || one.title;
    const press = () => this.#on.onTrigger(service, one.action, { set: one.set, says });
    return el("li.wide-button", {},
      el("div", {}, el("button", { type: "button", "data-key": `rewind ${one.set ?? ""}`, disabled: Boolean(one.refused), click: press }, to)),
      one.refused ? el("span.amiss", {}, `Not now: ${one.refused}`) : el("span.quiet", {}, says));
  }

  #action(service, one) {
    const own = (one.dag_id ?? service) === service;
    if (!own) return airflowLink(one.url, one.action, { class: "button", "data-key": one.action });
    return el("button", { type: "button", "data-key": one.action, click: () => this.#on.onTrigger(service, one.action) }, `${one.action}…`);
  }
}

function summary(ticks, found, stale) {
  const status = shownStatus(found, stale);
  const word = status === found.status ? status : `was ${found.status}`;
  return el("div.summary", {},
    statusMark(status, word), found.since && [" ", ticking(ticks, el("span.quiet"), (now) => `for ${spoken(age(found.since, now))}`)],
    found.own && ownState(ticks, found.own),
    found.set && usedSet(found.set),
    found.description && el("div.quiet", {}, found.description),
    found.why && status !== "up" && el("div.why", {}, prose(found.why)),
    found.press && status !== "up" && el("div.press", {}, prose(found.press)));
}

function facts(ticks, found) {
  const rows = [["Now", nowCell(ticks, found)], ["Last run", lastRun(ticks, found.last_run)], ["Next", nextRun(ticks, found)]];
  return el("dl", {}, rows.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

/** Each target set, with the copies of its syncs. */
function setTable(ticks, sets) {
  const rows = sets.flatMap((one) => one.syncs.map((sync, at) => [
    at === 0 && el("b", {}, one.set),
    at === 0 && el(`span.role${one.role === "in use" ? ".used" : ""}`, {}, one.role),
    sync.sync,
    el("span", {}, statusMark(sync.status)),
    sync.point_in_time ? [time(sync.point_in_time), " ", el("span.quiet", {}, ago(ticks, sync.point_in_time))] : el("span.quiet", {}, sync.why),
    [sync.state, sync.percent !== null && ["; ", ticking(ticks, el("span"), (now) => progressText(sync, now))]],
  ]));
  return el("div.sets", {}, table(["Set", "", "Sync", "Status", "Point in time", "State"], rows));
}

/** The snapshot of each copy, and those to which a rewind can go back. */
function keptTable(ticks, kept) {
  const when = (at) => at ? [time(at), " ", el("span.quiet", {}, ago(ticks, at))] : el("span.quiet", {}, "not known");
  const ends = (one) => one.linked ? [one.expires && time(one.expires), el("span.quiet", {}, " not while it is linked")] : one.expires ? time(one.expires) : el("span.quiet", {}, "not known");
  const rows = kept.map((one) => [one.sync, one.name, one.snapid, when(one.at), one.linked ? "linked: this is the copy" : "kept for rewind", ends(one)]);
  return table(["Sync", "Snapshot", "Number", "Taken", "", "Expires"], rows);
}

function pairTable(ticks, pairs, seen, zone) {
  const onSets = pairs.some((pair) => pair.set);
  const columns = [...(onSets ? ["Set"] : []), "Sync", "Pair", "Source", "Target", "State", "Copied", "Tracks", "Last action", "Wrong"];
  const rows = pairs.map((pair) => [
    ...(onSets ? [pair.set] : []), pair.sync, pair.pair, pair.source, pair.target, pair.state,
    pair.percent === null ? "" : `${pair.percent}%`, pair.tracks === null ? "" : pair.tracks.toLocaleString("en-GB"),
    (pair.last_action ?? "").replace("T", " "), pair.wrong && el("span.bad", {}, pair.wrong),
  ]);
  const shown = table(columns, rows);
  if (!shown) return el("p.quiet", {}, "No pairs seen yet.");
  const when = seen ? ["Seen ", ago(ticks, seen), `; last action in ${zone}.`] : "When they were seen is not known.";
  return el("div", {}, shown, el("p.quiet", {}, when));
}

function recordList(records) {
  if (!records.length) return el("p.quiet", {}, "No run has left a record yet.");
  return el("div", {}, records.map((one, at) =>
    el("details.fold", { open: at === 0, "data-key": `record ${one.run_id}` }, el("summary", {}, recordTitle(one)), recordView(one))));
}

/** The one record that Airflow's button `Run record` asks for. */
export class RecordView {
  element = el("div");

  update(found) {
    this.element.replaceChildren(el("h2", {}, recordTitle(found)), recordView(found));
  }

  tick() {}
}
