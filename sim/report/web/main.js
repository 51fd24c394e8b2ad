// Unpack the data and draw everything; draw again when the colours change.

async function unpacked() {
  const packed = atob(document.getElementById("data").textContent.trim());
  const octets = Uint8Array.from(packed, (each) => each.charCodeAt(0));
  const stream = new Blob([octets]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

unpacked().then((shown) => {
  waterfall(document.getElementById("waterfall"), shown.path);
  const grid = document.getElementById("histograms");
  for (const each of shown.distributions) histogram(grid, each);
  if (!shown.distributions.length) grid.textContent = "No stage saw a record.";
  rates(document.getElementById("rates"), shown.throughput);
  decided(document.getElementById("decided"), shown.throughput);
  orderBook(shown);
  reasons(document.getElementById("reasons"), shown.refusals);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach((each) => each.again()));
  document.documentElement.dataset.drawn = "yes";
});
