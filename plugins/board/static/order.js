// Which services are shown, and in which order.

import { age } from "./time.js";
import { gravity, share, shownStatus } from "./statuses.js";

/** Those that have every word of the text somewhere, and one of the statuses (none: all). */
export function chosen(rows, { text, statuses }, stale) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter((row) => {
    if (statuses.length && !statuses.includes(shownStatus(row, stale))) return false;
    if (!words.length) return true;
    const said = [row.service, row.description, row.why, row.running?.action, row.held_by?.text,
      ...row.syncs.map((sync) => sync.sync)].join(" ").toLowerCase();
    return words.every((word) => said.includes(word));
  });
}

/** In the wanted order; alike ones worst first, then by name. */
export function sorted(rows, { sort, descending }, stale, now) {
  const keyed = rows.map((row) => ({ row, key: KEYS[sort](row, now, stale), worst: KEYS.status(row, now, stale) }));
  const turn = descending ? -1 : 1;
  keyed.sort((a, b) => turn * compared(a.key, b.key) || compared(a.worst, b.worst) || compared([a.row.service], [b.row.service]));
  return keyed.map(({ row }) => row);
}

export function counted(rows, stale) {
  const counts = { down: 0, unknown: 0, warn: 0, up: 0 };
  for (const row of rows) counts[shownStatus(row, stale)] += 1;
  return counts;
}

// Lists of numbers or texts, smallest first.
const KEYS = {
  status: (row, now, stale) => [-gravity(shownStatus(row, stale)), -oldest(row, now)],
  service: (row) => [row.service],
  age: (row, now) => [-oldest(row, now)],
  running: (row, now) => [row.running ? 0 : row.held_by ? 1 : 2, row.running?.began ? -age(row.running.began, now) : 0],
  last: (row, now) => [!row.last_run ? 2 : row.last_run.state === "failed" ? 0 : 1, row.last_run ? age(row.last_run.ended, now) : 0],
  next: (row) => [row.next_run && !row.paused ? Date.parse(row.next_run) : Infinity, row.paused ? 0 : 1],
};

function oldest(row, now) {
  return Math.max(-1, ...row.syncs.map((sync) => share(sync, now) ?? -1));
}

function compared(a, b) {
  for (let i = 0; i < a.length; i += 1) {
    if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
  }
  return 0;
}
