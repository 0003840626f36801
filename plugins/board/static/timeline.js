// The runs of a service, newest first: what each phase took, on one scale.

import { el, svg } from "./dom.js";
import { clock } from "./feed.js";
import { timeToSecond } from "./parts.js";
import { airflowLink } from "./shell.js";
import { spoken } from "./time.js";

export const PHASES = ["plan", "stop", "resync", "copy", "break", "prepare", "start", "finish"];
const DRAWN = ["stop", "resync", "copy", "break", "prepare", "start"]; // plan and finish are Airflow's own affair, as what waits
const HEIGHT = 16;
const WIDTH = 1000;

/**
 * A run's phases as seconds from its beginning, each in a lane where it overlaps no other.
 * @param {number} now milliseconds; where a phase that goes on ends
 * @returns {{phases: {phase, sync, from, to, lane}[], lanes: number, seconds: number}}
 */
export function laidOut(run, now) {
  if (!run.began) return { phases: [], lanes: 1, seconds: 0 };
  const began = Date.parse(run.began);
  const second = (iso) => ((iso ? Date.parse(iso) : now) - began) / 1000;
  const free = []; // when each lane is free again
  const phases = run.phases
    .filter((phase) => phase.began)
    .map((phase) => ({ ...phase, from: Math.max(0, second(phase.began)), to: second(phase.ended) }))
    .sort((a, b) => a.from - b.from)
    .map((phase) => {
      let lane = free.findIndex((end) => end <= phase.from + 0.5); // tasks of one phase follow each other closely
      if (lane < 0) lane = free.length;
      free[lane] = phase.to;
      return { ...phase, lane };
    });
  return { phases, lanes: Math.max(1, free.length), seconds: second(run.ended) };
}

/** Seconds that the scale shows: all of the longest run. */
export function scaleOf(seconds) {
  return Math.max(0, ...seconds) || 1;
}

/** Phase to seconds, over all syncs, in the order of the phases: `stop 12 s, resync 3 min`. */
export function summed(phases) {
  const sums = new Map();
  for (const { phase, from, to } of phases) sums.set(phase, (sums.get(phase) ?? 0) + to - from);
  const order = (phase) => (PHASES.indexOf(phase) + PHASES.length + 1) % (PHASES.length + 1);
  return [...sums].sort(([a], [b]) => order(a) - order(b));
}

export function timeline(runs) {
  if (!runs.length) return el("p.quiet", {}, "No run yet.");
  const laid = runs.map((run) => laidOut(run, clock.now()));
  const scale = scaleOf(laid.map(({ seconds }) => seconds));
  const there = new Set(laid.flatMap(({ phases }) => phases.map(({ phase }) => phase)));
  const others = [...there].filter((phase) => !DRAWN.includes(phase));
  const legend = el("ul.legend", { "aria-hidden": "true" },
    DRAWN.filter((phase) => phase !== "prepare" || there.has(phase)).map((phase) => el("li", {}, el(`span.key.${phase}`), phase)),
    others.length > 0 && el("li", {}, el("span.key.other"), others.join(", ")));
  const head = ["Began", "Action", "Result", "Took", "Phases"].map((name) => el("th", { scope: "col" }, name));
  return el("div", {},
    legend,
    el("div.wide", {}, el("table.runs", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, runs.map((run, at) => line(run, laid[at], scale))))),
    el("p.quiet", {}, `The scale ends at ${spoken(scale)}. Gaps are waiting and Airflow's own time.`));
}

function line(run, laid, scale) {
  const began = run.began ? airflowLink(run.url, timeToSecond(run.began), { title: run.run_id, "data-key": `run ${run.dag_id} ${run.run_id}` }) : airflowLink(run.url, run.state);
  return el("tr", {},
    el("th", { scope: "row" }, began),
    el("td", {}, run.action || run.dag_id),
    el("td", {}, ...mark(run)),
    el("td.number", {}, run.began ? spoken(laid.seconds) : ""),
    el("td.drawn", {}, bar(laid, scale), el("span.unseen", {}, summed(laid.phases).map(([phase, seconds]) => `${phase} ${spoken(seconds)}`).join(", "))));
}

function mark(run) {
  if (run.state === "failed") return [el("span.bad", { "aria-hidden": "true" }, "✕ "), run.result || "failed"];
  if (run.state === "success") return [el("span.good", { "aria-hidden": "true" }, "✓ "), run.result || run.state];
  return [el("span.quiet", { "aria-hidden": "true" }, "… "), run.state];
}

function bar({ phases, lanes, seconds }, scale) {
  const x = (second) => (second / scale) * WIDTH;
  const height = HEIGHT / lanes;
  const drawing = svg("svg.phases", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect.whole", { x: 0, y: HEIGHT / 2 - 0.5, width: x(seconds), height: 1 }));
  for (const phase of phases) {
    const kind = DRAWN.includes(phase.phase) ? phase.phase : "other";
    const width = Math.max(2, x(phase.to) - x(phase.from));
    const said = [phase.phase, phase.sync, spoken(phase.to - phase.from), phase.state === "failed" ? "failed" : ""].filter(Boolean).join(" ");
    drawing.append(svg(`rect.${kind}${phase.state === "failed" ? ".failed" : ""}`,
      { x: x(phase.from), y: phase.lane * height, width, height: Math.max(1, height - 1) }, svg("title", {}, said)));
  }
  return drawing;
}
