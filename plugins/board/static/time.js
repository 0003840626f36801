// Times and ages as one says them. Times come as ISO texts; `now` is the server's, in milliseconds.

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const formats = new Map();

/** `3 d 2 h`, `4 h 10 min`, `12 min`, `40 s`, as clones/durations.py says it; but no line ends before a unit. */
export function spoken(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [days, hours, minutes] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60];
  if (days) return `${days}\u00a0d ${hours}\u00a0h`;
  if (hours) return `${hours}\u00a0h ${minutes}\u00a0min`;
  return minutes ? `${minutes}\u00a0min` : `${whole}\u00a0s`;
}

/** Seconds from a time to now; negative when it is yet to come. */
export function age(iso, now) {
  return (now - Date.parse(iso)) / 1000;
}

/** `4 min ago`, `in 2 h 5 min`. */
export function distance(iso, now) {
  const seconds = age(iso, now);
  return seconds < 0 ? `in ${spoken(-seconds)}` : `${spoken(seconds)} ago`;
}

/** The same to the second, so that no two runs look alike: `14:32:05`, `Wed 14:32:05`. */
export function stampToSecond(iso, now, zone) {
  return stamp(iso, now, zone, { second: "2-digit" });
}

/** As short as it is clear: `14:32`, `Wed 14:32` within a week, `12 Nov 14:32`, `12 Nov 2025 14:32`. */
export function stamp(iso, now, zone, finer = {}) {
  const time = new Date(iso);
  const clock = format(zone, { hour: "2-digit", minute: "2-digit", ...finer }).format(time);
  const day = format(zone, { year: "numeric", month: "2-digit", day: "2-digit" });
  if (day.format(time) === day.format(now)) return clock;
  if (Math.abs(now - time) < 6 * DAY) return `${format(zone, { weekday: "short" }).format(time)} ${clock}`;
  const year = format(zone, { year: "numeric" });
  const date = { day: "numeric", month: "short" };
  if (year.format(time) !== year.format(now)) date.year = "numeric";
  return `${format(zone, date).format(time)} ${clock}`;
}

/** To the second, with its distance from UTC: `26 Nov 2026, 14:32:05 GMT+1`. */
export function exact(iso, zone) {
  const parts = { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" };
  return format(zone, { ...parts, timeZoneName: "short" }).format(new Date(iso));
}

/** The zone that the viewer has chosen in Airflow, else the browser's. */
export function viewersZone(chosen) {
  try {
    const zone = JSON.parse(chosen);
    if (zone) return format(zone, {}).resolvedOptions().timeZone;
  } catch {
    // nothing chosen, or not a zone
  }
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

function format(zone, parts) {
  const key = `${zone} ${JSON.stringify(parts)}`;
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...parts }));
  return formats.get(key);
}
