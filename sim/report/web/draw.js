// What all charts share: SVG elements, scales, axes, numbers as text, redrawing, and the box that follows the pointer.

const DAY = 86_400_000_000_000;
const SVG = "http://www.w3.org/2000/svg";
const charts = [];

function node(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function text(x, y, said, attributes = {}) {
  return node("text", { x, y, ...attributes }, said);
}

// Draw into `place` at its width, now and whenever that changes. `draw` is given the width in CSS pixels.
function chart(place, draw) {
  const entry = { place, width: 0, again: () => { entry.width = 0; entry.redraw(); } };
  entry.redraw = () => {
    const width = Math.floor(place.getBoundingClientRect().width);
    if (width === entry.width || width < 40) return;
    entry.width = width;
    draw(width);
  };
  charts.push(entry);
  new ResizeObserver(entry.redraw).observe(place);
  entry.redraw();
  return entry;
}

function canvasOf(place, svg) {
  for (const old of [...place.querySelectorAll(":scope > svg, :scope > canvas")]) old.remove();
  place.prepend(svg);
}

function frame(width, height, label) {
  return node("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label });
}

const linear = (from, to, low, high) => (value) => low + (value - from) / (to - from || 1) * (high - low);

function logarithmic(from, to, low, high) {
  const scale = linear(Math.log10(from), Math.log10(to), low, high);
  return (value) => scale(Math.log10(value));
}

// About `count` round values from `low` to `high`.
function ticks(low, high, count) {
  const rough = (high - low) / Math.max(1, count), power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const found = [];
  const last = high / step + 1e-9;
  for (let n = Math.ceil(low / step - 1e-9); n <= last; n++) found.push(+(n * step).toPrecision(12));
  return found;
}

function decades(low, high) {
  const found = [];
  const last = Math.log10(high) + 1e-9;
  for (let power = Math.ceil(Math.log10(low) - 1e-9); power <= last; power++) found.push(10 ** power);
  return found;
}

const whole = (value) => Math.round(value).toLocaleString("en-US");
const counted = (value, noun) => `${whole(value)} ${noun}${value === 1 ? "" : "s"}`;

function short(value) {
  for (const [size, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (value >= size) return `${+(value / size).toPrecision(3)} ${letter}`;
  }
  return `${+value.toPrecision(3)}`;
}

// ns since midnight; `digits` of a second.
function clock(ns, digits = 0) {
  const day = ((ns % DAY) + DAY) % DAY, seconds = Math.floor(day / 1e9), two = (n) => `${n}`.padStart(2, "0");
  const said = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return digits ? `${said}.${`${Math.floor(day % 1e9)}`.padStart(9, "0").slice(0, digits)}` : said;
}

const dollars = (price) => (price / 10000).toLocaleString("en-US", {
  minimumFractionDigits: price % 100 ? 4 : 2, maximumFractionDigits: 4 });

// Times under an axis that runs with columns: as many as fit, each at its own column.
function timeAxis(svg, times, x, first, last, y, width) {
  let columns, digits;
  for (digits of [0, 1, 2, 3, 6, 9]) {
    const label = 7 * (8 + (digits ? digits + 1 : 0));
    const count = Math.min(last - first, Math.max(2, Math.floor(width / (1.5 * label + 14))));
    columns = Array.from({ length: count }, (_, i) =>
      count > 1 ? Math.round(first + i * (last - 1 - first) / (count - 1)) : first);
    const said = new Set(columns.map((column) => clock(times[column], digits)));
    if (said.size >= new Set(columns.map((column) => times[column])).size) break;
  }
  const count = columns.length;
  columns.forEach((column, i) => {
    const at = x(column), anchor = i === 0 ? "start" : i === count - 1 ? "end" : "middle";
    svg.append(node("line", { x1: at, x2: at, y1: y, y2: y + 4, class: "axis" }),
      text(at, y + 17, clock(times[column], digits), { "text-anchor": anchor }));
  });
}

// A path through (x, y), broken where y is null; each value holds until the next column.
function steps(points) {
  let path = "", open = false;
  for (const [x, y, end] of points) {
    if (y === null) { open = false; continue; }
    path += `${open ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}H${end.toFixed(1)}`;
    open = true;
  }
  return path;
}

const tip = document.getElementById("tip");

// Say `lines` (the first in bold) beside the pointer; nothing without them.
function point(event, lines) {
  tip.hidden = !lines;
  if (!lines) return;
  tip.replaceChildren(Object.assign(document.createElement("b"), { textContent: lines[0] }),
    lines.slice(1).map((line) => `\n${line}`).join(""));
  const box = tip.getBoundingClientRect(), room = document.documentElement.clientWidth;
  const left = event.clientX + 14 + box.width > room ? event.clientX - 14 - box.width : event.clientX + 14;
  tip.style.left = `${Math.max(4, left) + scrollX}px`;
  tip.style.top = `${event.clientY + 14 + scrollY}px`;
}

// Where the pointer is in the drawing that `part` belongs to.
function within(part, event) {
  const box = part.ownerSVGElement.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

// Call `say` with where the pointer is while it is over `area`: it returns lines, or nothing.
function follow(area, say) {
  area.addEventListener("pointermove", (event) => point(event, say(...within(area, event))));
  area.addEventListener("pointerleave", (event) => point(event, null));
}
