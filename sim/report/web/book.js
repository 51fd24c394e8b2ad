// The order book of one symbol: resting shares by price as heat, with trades, averages and our orders over it.

const LAYERS = [
  ["depth", "five best levels", "swatch", ""], ["trades", "trades", "", "var(--trade)"],
  ["vwap", "VWAP", "", "var(--vwap)"], ["sma", "SMA", "", "var(--sma)"], ["ema", "EMA", "", "var(--ema)"],
  ["orders", "our orders", "mark", "var(--ink)"],
];
const AVERAGES = ["vwap", "sma", "ema"];

// Levels as they stood at the end of each column of the session, from first to last (exclusive).
function standing(book, count) {
  const state = { bid: Array(count).fill(null), ask: Array(count).fill(null), row: Array(count).fill(-1) };
  let bid = null, ask = null, row = 0, latest = -1;
  for (let column = 0; column < count; column++) {
    if (row < book.columns.length && book.columns[row] === column) {
      bid = book.bidLevels[row] ?? bid;
      ask = book.askLevels[row] ?? ask;
      latest = row++;
    }
    state.bid[column] = bid;
    state.ask[column] = ask;
    state.row[column] = latest;
  }
  return state;
}

// The prices worth showing: nearly all levels, and everything traded or ordered near them.
function priceRange(book, state, first, last) {
  const prices = [];
  for (let i = first; i < last; i++) {
    for (const levels of [state.bid[i], state.ask[i]]) {
      for (let k = 0; levels && k < levels.length; k += 2) prices.push(levels[k]);
    }
    const row = state.row[i];
    if (row >= 0 && book.low[row] !== null) prices.push(book.low[row], book.high[row]);
  }
  if (!prices.length) return null;
  prices.sort((a, b) => a - b);
  const at = (share) => prices[Math.min(prices.length - 1, Math.floor(share * prices.length))];
  const low = at(0.01), high = at(0.99), pad = Math.max(4 * book.tick, (high - low) * 0.06);
  return [low - pad, high + pad];
}

function drawBook(place, book, session, layers, range, note) {
  const count = session.times.length, state = standing(book, count);
  const [first, last] = range ?? [0, count], prices = priceRange(book, state, first, last);
  const width = Math.floor(place.getBoundingClientRect().width);
  const narrow = width < 560, height = narrow ? 340 : 440, left = narrow ? 54 : 66, right = width - 2;
  const top = 8, bottom = height - 26;
  const svg = frame(width, height, `Order book of ${book.stock}`);
  if (!prices) {
    note.textContent = `Neither a level nor a trade of ${book.stock} is known${range ? " here" : ""}.`;
    svg.append(text(left, 40, "no data"));
    canvasOf(place, svg);
    return;
  }
  const x = linear(first, last, left, right), y = linear(prices[0], prices[1], bottom, top);
  for (const at of ticks(prices[0] / 10000, prices[1] / 10000, height / 44)) {
    svg.append(node("line", { x1: left, x2: right, y1: y(at * 10000), y2: y(at * 10000), class: "rule" }),
      text(left - 8, y(at * 10000) + 4, dollars(Math.round(at * 10000)), { "text-anchor": "end" }));
  }
  timeAxis(svg, session.times, x, first, last, bottom, right - left);
  const inside = (price) => price !== null && price >= prices[0] && price <= prices[1];
  const plot = { x: left, y: top, width: right - left, height: bottom - top };
  const clip = node("clipPath", { id: "plot" }, node("rect", plot));
  const drawn = node("g", { "clip-path": "url(#plot)" });
  svg.append(clip, drawn);
  let outside = 0;
  const here = (row) => book.columns[row] >= first && book.columns[row] < last;
  const traded = book.trades.reduce((sum, trades, row) => sum + (here(row) ? trades : 0), 0);
  if (layers.has("trades")) {
    let path = "";
    book.columns.forEach((column, row) => {
      if (!here(row) || !book.trades[row]) return;
      if (!inside(book.low[row]) || !inside(book.high[row])) outside++;
      const at = x(column + 0.5);
      path += `M${at.toFixed(1)} ${(y(book.low[row]) + 1.5).toFixed(1)}V${(y(book.high[row]) - 1.5).toFixed(1)}`;
    });
    drawn.append(node("path", { d: path, class: "trades", stroke: "var(--trade)", "stroke-width": 2,
      "stroke-opacity": 0.8, fill: "none" }));
  }
  for (const [name, , , colour] of LAYERS) {
    if (!AVERAGES.includes(name) || !layers.has(name)) continue;
    const points = book.columns.map((column, row) => [x(column), book[name][row] === null ? null : y(book[name][row]),
      x(row + 1 < book.columns.length ? book.columns[row + 1] : column + 1)]);
    drawn.append(node("path", { d: steps(points), class: `line ${name}`, fill: "none", stroke: colour,
      "stroke-width": name === "vwap" ? 2 : 1.25 }));
  }
  const near = [];
  if (layers.has("orders")) {
    for (const order of book.orders) {
      const [at, , side, price] = order;
      if (at < first || at >= last) continue;
      if (!inside(price)) { outside++; continue; }
      const px = x(at), py = y(price), d = side ? -1 : 1;
      near.push([px, py, order]);
      drawn.append(node("path", { class: "order", d: `M${px.toFixed(1)} ${(py - 5 * d).toFixed(1)}l4.5 ${8 * d}h-9Z`,
        fill: side ? "rgb(var(--ask))" : "rgb(var(--bid))", stroke: "var(--paper)", "stroke-width": 1 }));
    }
  }
  const area = node("rect", { ...plot, class: "area", fill: "transparent",
    style: "cursor: crosshair; touch-action: pan-y" });
  const columnAt = (px) => Math.floor(first + (px - left) / (right - left) * (last - first));
  follow(area, (px, py) => {
    const order = near.map(([ox, oy, said]) => [Math.hypot(ox - px, oy - py), said]).sort((a, b) => a[0] - b[0])[0];
    if (order && order[0] < 7) {
      const [, time, side, price, quantity, taken] = order[1];
      return [`our order, ${clock(time, 9)}`, `${side ? "sell" : "buy"} ${whole(quantity)} at ${dollars(price)}`,
        `left ${taken} cycles after its message`];
    }
    return describe(book, state, session, columnAt(px), first, last);
  });
  svg.append(area);
  canvasOf(place, svg);
  if (layers.has("depth")) heat(place, state, { first, last, x, y, width, height, plot, tick: book.tick });
  const thinned = book.ordersTotal > book.orders.length
    ? ` ${whole(book.orders.length)} of ${whole(book.ordersTotal)} orders are drawn.` : "";
  const levels = state.bid.slice(first, last).concat(state.ask.slice(first, last)).some((each) => each && each.length);
  note.textContent = (levels ? "Shares resting at the five best prices of each side, the stronger the colour the more"
    : "No level of the book is known here") + `; ${counted(traded, "trade")}, `
    + `${counted(book.ordersTotal, "order")} of ours (▲ buy, ▼ sell).${thinned}`
    + (outside ? ` ${counted(outside, "mark")} outside the prices shown.` : "")
    + " All of it is what the hardware said. Drag over the chart to look closer.";
  return { area, columnAt };
}

function describe(book, state, session, column, first, last) {
  if (column < first || column >= last) return null;
  const row = state.row[column], lines = [clock(session.times[column], 6)];
  for (const [name, levels] of [["ask", state.ask[column]], ["bid", state.bid[column]]]) {
    lines.push(!levels ? `${name}: nothing said yet` : !levels.length ? `${name}: none known`
      : `${name} ${dollars(levels[0])} × ${whole(levels[1])}, ${levels.length / 2} levels`);
  }
  if (row >= 0) {
    if (book.columns[row] === column && book.trades[row]) {
      lines.push(`${counted(book.trades[row], "trade")}, ${counted(book.volume[row], "share")}`);
    }
    for (const name of AVERAGES) {
      if (book[name][row] !== null) lines.push(`${name.toUpperCase()} ${(book[name][row] / 10000).toFixed(4)}`);
    }
  }
  return lines;
}

// Cells on a canvas under the SVG: one per column and level.
function heat(place, state, at) {
  const canvas = document.createElement("canvas"), scale = window.devicePixelRatio || 1;
  canvas.width = at.width * scale;
  canvas.height = at.height * scale;
  canvas.style.width = `${at.width}px`;
  canvas.style.height = `${at.height}px`;
  const pixel = (length) => Math.round(length * scale) / scale;
  const pen = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
  pen.scale(scale, scale);
  pen.beginPath();
  pen.rect(at.plot.x, at.plot.y, at.plot.width, at.plot.height);
  pen.clip();
  const quantities = [];
  for (let i = at.first; i < at.last; i++) {
    for (const levels of [state.bid[i], state.ask[i]]) {
      for (let k = 1; levels && k < levels.length; k += 2) quantities.push(levels[k]);
    }
  }
  quantities.sort((a, b) => a - b);
  const most = Math.log1p(quantities[Math.floor(quantities.length * 0.98)] || 1);
  const tall = Math.max(2, Math.abs(at.y(at.tick) - at.y(0)));
  for (const side of ["bid", "ask"]) {
    const [r, g, b] = style.getPropertyValue(`--${side}`).trim().split(/\s+/);
    for (let i = at.first; i < at.last; i++) {
      // On whole pixels: where cells overlap, stripes would be seen.
      const levels = state[side][i], x = pixel(at.x(i)), wide = pixel(at.x(i + 1)) - x;
      for (let k = 0; levels && k < levels.length; k += 2) {
        const share = Math.min(1, Math.log1p(levels[k + 1]) / most);
        pen.fillStyle = `rgb(${r} ${g} ${b} / ${(0.06 + 0.62 * share ** 2.2).toFixed(3)})`;
        const top = pixel(at.y(levels[k]) - tall / 2);
        pen.fillRect(x, top, wide, pixel(at.y(levels[k]) + tall / 2) - top);
      }
    }
  }
  place.prepend(canvas);
}

function orderBook(shown) {
  const place = document.getElementById("heat"), note = document.getElementById("heat-note");
  const choice = document.getElementById("symbol"), whole = document.getElementById("whole");
  if (!shown.books.length) {
    document.querySelector("#book .controls").remove();
    note.textContent = "No symbol of the design had an update.";
    return;
  }
  for (const book of shown.books) {
    choice.add(new Option(`${book.stock} · ${book.updates.toLocaleString("en-US")} updates`, book.stock));
  }
  const layers = new Set(LAYERS.map(([name]) => name));
  const said = { sma: `SMA(${shown.averages.sma})`, ema: `EMA(${shown.averages.ema})` };
  let range = null;
  const drawing = chart(place, () => {
    const book = shown.books.find((each) => each.stock === choice.value);
    const made = drawBook(place, book, shown.session, layers, range, note);
    if (made) zoom(made, (picked) => { range = picked; whole.hidden = false; drawing.again(); });
  });
  for (const [name, label, kind, colour] of LAYERS) {
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: true });
    const key = Object.assign(document.createElement("span"),
      { className: `key ${kind}`, textContent: kind === "mark" ? "▲▼" : "" });
    key.style.color = colour;
    const line = document.createElement("label");
    line.append(box, key, said[name] ?? label);
    box.addEventListener("change", () => { layers[box.checked ? "add" : "delete"](name); drawing.again(); });
    document.getElementById("toggles").append(line);
  }
  choice.addEventListener("change", drawing.again);
  whole.addEventListener("click", () => { range = null; whole.hidden = true; drawing.again(); });
}

// Let a stretch of the chart be picked by dragging.
function zoom({ area, columnAt }, pick) {
  let begin = null, mark = null;
  area.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse" || event.button) return;
    begin = within(area, event)[0];
    mark = node("rect", { x: begin, y: area.getAttribute("y"), width: 0, height: area.getAttribute("height"),
      fill: "var(--accent)", "fill-opacity": 0.15, "pointer-events": "none" });
    area.after(mark);
    area.setPointerCapture(event.pointerId);
  });
  area.addEventListener("pointermove", (event) => {
    if (begin === null) return;
    const now = within(area, event)[0];
    mark.setAttribute("x", Math.min(begin, now));
    mark.setAttribute("width", Math.abs(now - begin));
  });
  area.addEventListener("pointerup", (event) => {
    if (begin === null) return;
    const [low, high] = [begin, within(area, event)[0]].sort((a, b) => a - b).map(columnAt);
    begin = null;
    mark.remove();
    if (high - low >= 4) pick([Math.max(0, low), high + 1]);
  });
}
