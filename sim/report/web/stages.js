// Latency: the path of one tick against its budgets, the distribution of each stage, and refusals by reason.

const figure = (ns) => ns.toLocaleString("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

function waterfall(place, path) {
  const rows = [...path.bars, ...path.total.map((bar) => ({ ...bar, stage: "tick to trade", rule: true })),
    ...path.beside.map((bar) => ({ ...bar, aside: true }))];
  if (!rows.length) return void (place.textContent = "No stage saw a record.");
  const ends = rows.map((bar) => Math.max(bar.start + bar.max, bar.start + (bar.budget ?? 0)));
  chart(place, (width) => {
    const narrow = width < 560, label = narrow ? 0 : 118, side = narrow ? 0 : 178, pitch = narrow ? 42 : 30;
    const top = 8, height = top + rows.length * pitch + 34, right = width - side - (narrow ? 4 : 12);
    const svg = frame(width, height, "Latency of each stage in ns against its budget");
    const x = linear(0, Math.max(...ends), label, right), bottom = top + rows.length * pitch + 4;
    for (const at of ticks(0, Math.max(...ends), narrow ? 4 : 8)) {
      svg.append(node("line", { x1: x(at), x2: x(at), y1: top, y2: bottom, class: "rule" }),
        text(x(at), bottom + 17, `${at}${at ? "" : " ns"}`, { "text-anchor": at || !narrow ? "middle" : "start" }));
    }
    rows.forEach((bar, i) => {
      const y = top + i * pitch + (narrow ? 19 : 5), tall = narrow ? 15 : 18;
      const colour = bar.exceeded ? "var(--bad)" : bar.aside ? "var(--muted)" : "var(--accent)";
      const said = `${bar.cycles} cycles · ${figure(bar.max)}${bar.budget ? ` of ${bar.budget} ns` : " ns"}`;
      const above = top + i * pitch;
      if (bar.rule) svg.append(node("line", { x1: 0, x2: width, y1: above, y2: above, class: "axis" }));
      const group = node("g", { class: "stage", "data-stage": bar.stage },
        text(0, narrow ? y - 5 : y + 13.5, bar.stage + (bar.aside ? ", beside" : ""),
          { class: `strong${bar.exceeded ? " bad" : ""}` }),
        text(width, narrow ? y - 5 : y + 13.5, said, { "text-anchor": "end", class: bar.exceeded ? "bad" : "" }));
      if (bar.budget) {
        group.append(node("rect", { x: x(bar.start), y, width: x(bar.start + bar.budget) - x(bar.start), height: tall,
          rx: 2, fill: "none", stroke: colour, "stroke-opacity": 0.45 }));
      }
      const box = (ns, opacity) => node("rect", { x: x(bar.start), y, height: tall, rx: 2, fill: colour,
        width: Math.max(x(bar.start + ns) - x(bar.start), 2), "fill-opacity": opacity });
      if (bar.max > bar.p50) group.append(box(bar.max, 0.45));
      group.append(box(bar.p50, 1));
      follow(group, () => [bar.stage, `median ${figure(bar.p50)} ns, slowest ${figure(bar.max)} ns`,
        bar.budget ? `budget ${bar.budget} ns, ${bar.exceeded ? "exceeded" : `${figure(bar.budget - bar.max)} ns left`}`
          : "no budget"]);
      svg.append(group);
    });
    canvasOf(place, svg);
  });
}

function histogram(grid, shown) {
  const figureBox = document.createElement("figure"), caption = document.createElement("figcaption");
  const title = Object.assign(document.createElement("h3"), { textContent: shown.name });
  const single = shown.low === shown.high;
  const unit = (count) => count === 1 ? shown.unit.replace(/s$/, "") : shown.unit;
  caption.append(title, single ? `all ${whole(shown.records)}: ${shown.low} ${unit(shown.low)}`
    : `${whole(shown.records)}, from ${whole(shown.low)} to ${whole(shown.high)} ${shown.unit}`
      + (shown.width > 1 ? `; ${shown.width} ${shown.unit} to a bar` : ""));
  const place = document.createElement("div");
  place.className = "chart";
  figureBox.append(caption, place);
  grid.append(figureBox);
  chart(place, (width) => {
    const height = 104, bottom = 80, top = 6;
    const svg = frame(width, height, `Distribution: ${shown.name}`);
    const pad = single ? 4 : 0, from = Math.max(0, shown.low - pad), to = shown.high + pad + shown.width;
    const budget = shown.budget !== null && shown.budget < to + (to - from) ? shown.budget : null;
    const x = linear(from, Math.max(to, budget === null ? to : budget + 1), 0, width);
    const most = Math.max(...shown.bars.map(([, count]) => count));
    const y = logarithmic(0.7, Math.max(most, 2), bottom, top);
    svg.append(node("line", { x1: 0, x2: width, y1: bottom, y2: bottom, class: "axis" }));
    for (const [value, count] of shown.bars) {
      const left = x(value), gap = shown.bars.length > 24 ? 0.5 : 1.5;
      const wide = Math.max(1, x(value + shown.width) - left - gap);
      const bar = node("rect", { class: "bar", x: left, y: y(count), width: wide, height: bottom - y(count),
        fill: shown.exceeded ? "var(--bad)" : "var(--accent)" });
      follow(bar, () => [`${whole(count)} of ${whole(shown.records)}`,
        shown.width > 1 ? `${whole(value)} to ${whole(value + shown.width - 1)} ${shown.unit}`
          : `${value} ${unit(value)}`]);
      svg.append(bar);
    }
    if (budget !== null) {
      svg.append(node("line", { x1: x(budget), x2: x(budget), y1: top, y2: bottom, stroke: "var(--bad)",
        "stroke-dasharray": "3 3" }),
        text(x(budget) + (x(budget) > width - 60 ? -4 : 4), top + 10, "budget", {
          "text-anchor": x(budget) > width - 60 ? "end" : "start" }));
    }
    const marks = single ? [shown.low] : ticks(from, shown.high, Math.min(5, Math.max(1, shown.high - shown.low)))
      .filter((at) => Number.isInteger(at));
    const middle = shown.width === 1 ? 0.5 : 0;
    for (const at of marks) {
      const left = x(at + middle), anchor = left < 14 ? "start" : left > width - 14 ? "end" : "middle";
      svg.append(text(left, bottom + 16, whole(at), { "text-anchor": anchor }));
    }
    canvasOf(place, svg);
  });
}

function reasons(place, rows) {
  if (!rows.length) return void place.remove();
  chart(place, (width) => {
    const narrow = width < 560, pitch = narrow ? 46 : 30, left = narrow ? 0 : 150, right = width - 66;
    const svg = frame(width, rows.length * pitch + 4, "Refused intents by reason");
    const x = linear(0, rows[0].count, left, right);
    rows.forEach((row, i) => {
      const y = i * pitch + (narrow ? 20 : 4), tall = 15;
      const group = node("g", { class: "reason" },
        text(0, narrow ? y - 6 : y + 12, row.name.replaceAll("_", " ").replace("luld", "LULD"), { class: "strong" }),
        node("rect", { x: left, y, width: Math.max(1.5, x(row.count) - left), height: tall, rx: 2,
          fill: "rgb(var(--ask))" }),
        text(Math.max(left + 1.5, x(row.count)) + 7, y + 12, whole(row.count)));
      group.append(node("rect", { x: 0, y: i * pitch, width, height: pitch, fill: "transparent" }));
      follow(group, () => [`${whole(row.count)} refused`, row.what]);
      svg.append(group);
    });
    canvasOf(place, svg);
  });
}
