// The age of a sync's copies over time: it grows as time does, and falls when a newer copy is known.

import { el, svg } from "./dom.js";
import { clock } from "./feed.js";
import { time, zone } from "./parts.js";
import { spoken, stamp } from "./time.js";

const WIDTH = 640;
const HEIGHT = 150;
const LEFT = 52;
const BOTTOM = 20;
const STEPS = [60, 300, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 432000, 864000, 2592000];

/**
 * Corners of the line, as [milliseconds, age in seconds].
 * @param {{at: string, point_in_time: string}[]} copies
 */
export function teeth(copies, now) {
  const known = copies
    .map((copy) => ({ at: Date.parse(copy.at), taken: Date.parse(copy.point_in_time) }))
    .sort((a, b) => a.at - b.at);
  const corners = [];
  known.forEach(({ at, taken }, i) => {
    if (i) corners.push([at, (at - known[i - 1].taken) / 1000]);
    corners.push([at, (at - taken) / 1000]);
  });
  if (known.length) corners.push([now, (now - known.at(-1).taken) / 1000]);
  return corners;
}

/** How often and how far the age went beyond the limit. */
export function judged(corners, limit) {
  const ages = corners.map(([, age]) => age);
  let times = 0;
  corners.forEach(([, age], i) => {
    if (age > limit && !(i && corners[i - 1][1] > limit)) times += 1;
  });
  return { now: ages.at(-1), highest: Math.max(...ages), times };
}

/** A step of the scale that divides it into two to five. */
export function stepOf(most) {
  return STEPS.find((step) => most / step <= 5) ?? Math.ceil(most / 5 / 2592000) * 2592000;
}

export function sawTooth(sync, { sync_max_delay: limit, copies }) {
  if (!copies.length) return el("figure", {}, el("figcaption", {}, el("b", {}, sync)), el("p.quiet", {}, "No copy known yet."));
  const corners = teeth(copies, clock.now());
  const found = judged(corners, limit ?? Infinity);
  const said = `${sync}: ${spoken(found.now)} old${limit ? ` of ${spoken(limit)}` : ""}; oldest ${spoken(found.highest)}`
    + (limit ? `, beyond the limit ${found.times === 1 ? "once" : found.times ? `${found.times} times` : "never"}` : "");
  return el("figure", {},
    el("figcaption", {}, el("b", {}, sync), said.slice(sync.length)),
    drawing(corners, limit, said),
    el("details", { "data-key": `copies ${sync}` }, el("summary", {}, copies.length === 1 ? "1 copy" : `${copies.length} copies`), table(copies)));
}

function drawing(corners, limit, said) {
  const [from, to] = [corners[0][0], corners.at(-1)[0]];
  const most = Math.max(...corners.map(([, age]) => age), limit ?? 0) * 1.08 || 1;
  const x = (at) => LEFT + ((at - from) / Math.max(1, to - from)) * (WIDTH - LEFT - 4);
  const y = (age) => 4 + (1 - age / most) * (HEIGHT - BOTTOM - 4);
  const line = corners.map(([at, age]) => `${x(at).toFixed(1)},${y(age).toFixed(1)}`);
  const area = [`${x(from)},${y(0)}`, ...line, `${x(to)},${y(0)}`].join(" ");
  const picture = svg("svg.teeth", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": said });
  const step = stepOf(most);
  for (let age = 0; age <= most; age += step) {
    picture.append(
      svg("line.grid", { x1: LEFT, x2: WIDTH, y1: y(age), y2: y(age) }),
      svg("text", { x: LEFT - 6, y: y(age) + 4, "text-anchor": "end" }, age ? spoken(age).replace(/ 0\u00a0\w+$/, "") : "0"));
  }
  picture.append(
    svg("polygon.area", { points: area }),
    svg("polyline.edge", { points: line.join(" ") }));
  if (limit) picture.append(svg("line.limit", { x1: LEFT, x2: WIDTH, y1: y(limit), y2: y(limit) }), over(area, y(limit)));
  const days = [from, (from + to) / 2, to];
  days.forEach((at, i) => picture.append(
    svg("text", { x: x(at), y: HEIGHT - 4, "text-anchor": ["start", "middle", "end"][i] }, i === 2 ? "now" : stamp(new Date(at).toISOString(), to, zone()))));
  return picture;
}

let clips = 0;

/** What lies above the limit, in another colour. */
function over(area, limit) {
  clips += 1;
  const id = `over${clips}`;
  return svg("g", {},
    svg("clipPath", { id }, svg("rect", { x: LEFT, y: 0, width: WIDTH, height: limit })),
    svg("polygon.over", { points: area, "clip-path": `url(#${id})` }));
}

function table(copies) {
  const rows = copies.toReversed().map((copy) => el("tr", {}, el("td", {}, time(copy.point_in_time)), el("td", {}, time(copy.at))));
  return el("table.plain", {},
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Point in time"), el("th", { scope: "col" }, "Known since"))),
    el("tbody", {}, rows));
}
