// What a status is called and drawn as, and what is shown of one that nobody has confirmed lately.

import { age, spoken } from "./time.js";

/** Worst first. */
export const STATUSES = ["down", "unknown", "warn", "up"];
export const SYMBOLS = { down: "✕", unknown: "?", warn: "!", up: "✓" };

/** How grave a status is: 3 is the worst. One that is not known here counts as unknown. */
export function gravity(status) {
  const at = STATUSES.indexOf(status);
  return at < 0 ? gravity("unknown") : STATUSES.length - 1 - at;
}

const MISSED_LOOKS = 3; // as clones/fleet/between_looks.py has it

/**
 * What is wrong with the look that everything rests on; empty when it is fresh enough. The server says so as well,
 * while it answers.
 * @param {{looked: string|null, every_minutes: number|null}} fleet
 */
export function staleness(fleet, now) {
  const { looked, every_minutes: every } = fleet;
  if (!looked) return "No look at the copies yet: unpause or trigger DAG clone_status.";
  const seconds = age(looked, now);
  if (!every || seconds <= MISSED_LOOKS * every * 60) return "";
  return `The last look at the copies was ${spoken(seconds)} ago, though one is due every ${every} min: see DAG clone_status.`;
}

const SILENT = {
  scheduler: "no run begins or goes on",
  triggerer: "what waits for a copy does not go on",
  dag_processor: "changes of services.yaml are not read",
};

/** What a part of Airflow that gives no sign of life keeps from happening. */
export function silence(part, since, now) {
  const when = since ? `was last heard of ${spoken(age(since, now))} ago` : "was never heard of";
  return `Airflow's ${part.replace("_", " ")} ${when}: ${SILENT[part] ?? "see that it runs"}. See that it runs.`;
}

/** Whether a run has looked at a row's copies lately, also when nobody looks at all of them any more. */
export function isFresh(row, { every_minutes }, now) {
  return Boolean(row.seen) && !staleness({ looked: row.seen, every_minutes }, now);
}

/** A row's status as it may be shown: what was up when nobody looks any more is not known to be up. */
export function shownStatus(row, stale) {
  return stale && !row.fresh && row.status === "up" ? "unknown" : row.status in SYMBOLS ? row.status : "unknown";
}

/** Age of a copy against its limit: 1 is at the limit; null while its point in time is not known. */
export function share(sync, now) {
  return sync.point_in_time && sync.sync_max_delay ? age(sync.point_in_time, now) / sync.sync_max_delay : null;
}
