// Messages per second of market time, on average and at their densest; orders and refusals below.

const LINES = [
  ["us", "densest 1 µs", "var(--ema)"], ["ms", "densest 1 ms", "rgb(var(--ask))"],
  ["mean", "average", "var(--accent)"],
];

function rates(place, shown) {
  const count = shown.times.length;
  const every = [...shown.mean, ...shown.ms, ...shown.us].filter((value) => value > 0);
  if (!every.length) return void (place.textContent = "Nothing was replayed.");
  chart(place, (width) => {
    const height = 290, left = 46, right = width - 2, top = 30, bottom = height - 24;
    const low = Math.min(...every, shown.wire ?? Infinity), high = Math.max(...every, shown.wire ?? 0) * 1.2;
    const x = linear(0, count, left, right), y = logarithmic(low, high, bottom, top);
    const svg = frame(width, height, "Messages per second over the session");
    for (const at of decades(low, high)) {
      svg.append(node("line", { x1: left, x2: right, y1: y(at), y2: y(at), class: "rule" }),
        text(left - 8, y(at) + 4, short(at), { "text-anchor": "end" }));
    }
    let at = left;
    const key = (name, colour, dashed) => {
      svg.append(node("line", { x1: at, x2: at + 16, y1: 9, y2: 9, stroke: colour, "stroke-width": 2,
        "stroke-dasharray": dashed ? "4 3" : "none" }), text(at + 21, 13, name));
      at += 34 + name.length * (width < 480 ? 6 : 6.4);
    };
    for (const [name, said, colour] of LINES) {
      const values = shown[name], path = steps(values.map((value, i) =>
        [x(i), value > 0 ? y(value) : null, x(i + 1)]));
      svg.append(node("path", { d: path, class: `line ${name}`, fill: "none", stroke: colour, "stroke-width": 1.25,
        "stroke-linejoin": "round" }));
      key(said, colour);
    }
    if (shown.wire) {
      svg.append(node("line", { x1: left, x2: right, y1: y(shown.wire), y2: y(shown.wire), stroke: "var(--ink)",
        "stroke-opacity": 0.6, "stroke-dasharray": "4 3" }));
      if (width >= 480) key(`the wire, ${short(shown.wire)}/s`, "var(--ink)", true);
    }
    timeAxis(svg, shown.times, x, 0, count, bottom, right - left);
    const area = node("rect", { x: left, y: top, width: right - left, height: bottom - top, fill: "transparent" });
    follow(area, (px) => {
      const i = Math.floor((px - left) / (right - left) * count);
      if (i < 0 || i >= count) return null;
      return [clock(shown.times[i], 6), `messages from number ${whole(i * shown.width)}`,
        ...LINES.map(([name, said]) =>
          `${said}: ${shown[name][i] === null ? "–" : short(shown[name][i])}/s`).reverse()];
    });
    svg.append(area);
    canvasOf(place, svg);
  });
}

// Orders upwards, refusals downwards.
function decided(place, shown) {
  const most = Math.max(0, ...shown.orders, ...shown.refusals), count = shown.times.length;
  if (!most) return void (place.textContent = "The strategy wanted no order.");
  chart(place, (width) => {
    const height = 128, left = 46, right = width - 2, middle = 62, top = 18;
    const x = linear(0, count, left, right), y = linear(0, most, 0, middle - top);
    const svg = frame(width, height, "Orders sent and intents refused over the session");
    const bar = (left, end, right) => `M${left.toFixed(1)} ${middle}V${end.toFixed(1)}H${right.toFixed(1)}V${middle}Z`;
    const bars = (values, sign) => values.map((value, i) =>
      value ? bar(x(i), middle - sign * y(value), x(i + 1)) : "").join("");
    svg.append(node("path", { d: bars(shown.orders, 1), class: "orders", fill: "var(--accent)" }),
      node("path", { d: bars(shown.refusals, -1), class: "refused", fill: "rgb(var(--ask))" }),
      node("line", { x1: left, x2: right, y1: middle, y2: middle, class: "axis" }),
      text(left, 11, `orders sent per column, upwards; refused, downwards`),
      text(left - 8, middle - y(most) + 4, whole(most), { "text-anchor": "end" }),
      text(left - 8, middle + 4, "0", { "text-anchor": "end" }),
      text(left - 8, middle + y(most) + 4, whole(most), { "text-anchor": "end" }));
    const area = node("rect", { x: left, y: 0, width: right - left, height, fill: "transparent" });
    follow(area, (px) => {
      const i = Math.floor((px - left) / (right - left) * count);
      return i < 0 || i >= count ? null : [clock(shown.times[i], 6), `${counted(shown.orders[i], "order")} sent`,
        `${whole(shown.refusals[i])} refused`];
    });
    svg.append(area);
    canvasOf(place, svg);
  });
}
