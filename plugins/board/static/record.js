// The record that a run leaves (plugins/clones/runs/record.py), as a page.

import { el } from "./dom.js";
import { timeToSecond } from "./parts.js";
import { airflowLink } from "./shell.js";

/** @param {{run_id: string, url: string, record: Object}} kept */
export function recordView({ run_id: id, url, record }) {
  const run = record.run ?? {};
  const { sets } = record;
  const [said, ...press] = (record.result?.text ?? "").split("\n");
  const facts = [
    ["Run", airflowLink(url, `${id} of ${run.dag ?? record.service}`)],
    ["Asked for by", `${run.asked_by || "the scheduler"}${run.type ? ` (${run.type})` : ""}`],
    ["Why", run.reason || (run.type === "scheduled" ? "on schedule" : "none given")],
    ["Phases", (record.phases ?? []).join(" → ")],
    ["Target set", sets && betweenSets(sets)],
    ["Time", run.began && [moment(run.began), " to ", moment(run.ended)]],
  ];
  return el("div.record", {},
    el("p", {}, el("b", {}, said), press.map((line) => el("div", {}, line))),
    el("dl", {}, facts.filter(([, value]) => value).map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
    part("Copies at the end", table([...(sets ? ["Set"] : []), "Sync", "Status", "Point in time", "Why"],
      (record.copies ?? []).map((copy) => [...(sets ? [copy.set] : []), copy.sync, copy.status, copy.point_in_time, copy.why]))),
    part("States", table(["Sync", "Pair", "Before", "After"], states(record))),
    (record.proof ?? []).map((proof) => part(proof.note, el("div", {},
      el("div.quiet", {}, moment(proof.at), `, task ${proof.task}`), el("pre", {}, proof.lines.join("\n"))))),
    part("Sent", sent(record)),
    part("Tries that did not finish", list(failed(record))));
}

/** As clones/runs/record.py says it: `from a to b; in use at the end: b`. */
export function betweenSets(sets) {
  const whither = sets.from === sets.to ? sets.to : ["from", "to"].filter((word) => sets[word]).map((word) => `${word} ${sets[word]}`).join(" ");
  return sets.in_use === null ? whither : `${whither}; in use at the end: ${sets.in_use || "none, or not known"}`;
}

/** A short line on a record, for its fold. */
export function recordTitle({ run_id: id, record }) {
  return [`${record.action || "run"}: ${record.result?.result ?? "result not known"}, `, record.run?.began ? moment(record.run.began) : "", el("span.quiet", {}, ` ${id}`)];
}

/** A time as a record has it, `2026-11-24 11:00:12+00:00`; one without a zone is the control host's or UTC, and stays as it is. */
function moment(text) {
  const iso = (text ?? "").replace(" ", "T");
  return /([+-]\d\d:\d\d|Z)$/.test(iso) && !Number.isNaN(Date.parse(iso)) ? timeToSecond(iso) : (text ?? "");
}

/** Rows of sync, pair, state before and state after. */
export function states(record) {
  const after = new Map();
  for (const sync of record.after ?? []) for (const pair of sync.pairs) after.set(`${sync.sync} ${pair.pair}`, pair.state);
  return (record.before ?? []).flatMap((sync) =>
    sync.pairs.map((pair) => [sync.sync, pair.pair, pair.state, after.get(`${sync.sync} ${pair.pair}`) ?? "not seen"]));
}

function events(record) {
  return Object.entries(record.tasks ?? {}).flatMap(([task, tries]) =>
    tries.flatMap((one) => one.events.map((event) => ({ task, ...event }))));
}

function sent(record) {
  const all = events(record).filter((event) => "line" in event);
  const changing = all.filter((event) => event.changes);
  const rows = changing.map((event) => [moment(event.at), event.task, event.host, el("code", {}, event.line), event.ended,
    event.seconds === null ? "" : event.seconds.toFixed(1)]);
  const looks = `Read-only commands: ${all.length - changing.length}.`;
  return el("div", {},
    table(["Time", "Task", "Host", "Command", "Ended with", "Seconds"], rows) ?? el("p", {}, "No command that changes anything."),
    el("p.quiet", {}, looks));
}

function failed(record) {
  return Object.entries(record.tasks ?? {}).flatMap(([task, tries]) =>
    tries.filter((one) => one.error || !one.ended)
      .map((one) => `${task}, try ${one.try}: ${one.error || "Its record has no end: it was killed, lost its worker, or was cleared after its success."}`));
}

function list(lines) {
  return lines.length ? el("ul.failed", {}, lines.map((line) => el("li", {}, line))) : null;
}

function part(title, content) {
  return content ? el("section", {}, el("h3", {}, title), content) : null;
}

/** Null when there are no rows. */
export function table(columns, rows) {
  if (!rows.length) return null;
  return el("div.wide", {}, el("table.plain", {},
    el("thead", {}, el("tr", {}, columns.map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell) => el("td", {}, cell ?? "")))))));
}
