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
  if (!looked) return "The copies have not been checked yet: unpause or trigger DAG clone_status.";
  const seconds = age(looked, now);
  if (!every || seconds <= MISSED_LOOKS * every * 60) return "";
  return `The copies were last checked ${spoken(seconds)} ago, not every ${every} min: check DAG clone_status.`;
}

const SILENT = {
  scheduler: "no run starts or continues",
  triggerer: "waits for a copy do not continue",
  dag_processor: "changes of services.yaml are not read",
};

/** What a part of Airflow that gives no sign of life keeps from happening. */
export function silence(part, since, now) {
  const when = since ? `last reported ${spoken(age(since, now))} ago` : "has never reported";
  return `Airflow's ${part.replace("_", " ")} ${when}: ${SILENT[part] ?? "it may not run"}. Check that it runs.`;
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
