// The plot of the rows that the table shows: Plotly draws; here are the points, the front and the colours.
(() => {
  const { table, at, remember } = window.ccbench;
  const [BYTES, ACCURACY, SPREAD] = [1, 2, 3];
  const { colours, scheme } = window.ccbenchLook;
  const MARKERS = ["circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "x", "star", "pentagon", "hexagon"];
  const place = document.getElementById("plot");
  const section = document.getElementById("section");
  const text = (value) => value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const short = (value, most = 60) => text(value.length > most ? `${value.slice(0, most - 1)}…` : value);
  const where = (row) => [row[at.dataset], row[at.network], row[at.protocol]].join(", ");
  const measured = (row) => row[BYTES] > 0 && row[ACCURACY] !== null;

  const front = (rows) => {
    let best = -1;
    return rows.toSorted((a, b) => a[BYTES] - b[BYTES] || b[ACCURACY] - a[ACCURACY])
      .filter((row) => row[ACCURACY] > best && ((best = row[ACCURACY]), true));
  };

  // Sections of the rows shown, the one with most points first; the reader's choice stays as long as it is there.
  const choose = (rows) => {
    const counts = new Map();
    for (const row of rows) counts.set(where(row), (counts.get(where(row)) ?? 0) + 1);
    const names = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a) || a.localeCompare(b));
    const wanted = section.dataset.wanted || (section.dataset.chosen ? section.value : "");
    section.replaceChildren(...names.map((name) => new Option(`${name} (${counts.get(name)})`, name)));
    if (names.includes(wanted)) { section.value = wanted; section.dataset.chosen = "yes"; } else delete section.dataset.chosen;
    section.dataset.wanted = "";
    return section.value;
  };

  const draw = () => {
    const rows = table.rows({ search: "applied" }).data().toArray().filter(measured);
    const chosen = choose(rows);
    const points = rows.filter((row) => where(row) === chosen);
    const { ink, paper, line } = scheme();
    const groups = Map.groupBy(points, (row) => row[at.method]);
    const traces = [...groups].map(([name, of], index) => ({
      x: of.map((row) => row[BYTES]), y: of.map((row) => row[ACCURACY]), customdata: of.map((row) => row[0]),
      error_y: { type: "data", array: of.map((row) => row[SPREAD] ?? 0), thickness: 1, width: 3 },
      name: short(name, 28), mode: "markers", type: "scatter",
      marker: { color: colours[index % colours.length], symbol: MARKERS[index % MARKERS.length], size: 9, line: { width: 1, color: ink } },
      hovertemplate: `${short(name)}<br>%{x:,.0f} bytes<br>%{y:.2f} %<extra></extra>`,
    }));
    const best = front(points);
    if (best.length > 1) traces.unshift({
      x: best.map((row) => row[BYTES]), y: best.map((row) => row[ACCURACY]), mode: "lines", type: "scatter", name: "Pareto front",
      line: { color: ink, width: 6 }, opacity: 0.25, hoverinfo: "skip",
    });
    const narrow = place.clientWidth < 560;
    Plotly.react(place, traces, {
      paper_bgcolor: paper, plot_bgcolor: paper, font: { color: ink, size: 12 }, hovermode: "closest",
      margin: { l: 55, r: 10, t: 10, b: 50 }, height: narrow ? 380 : 460,
      showlegend: !narrow,
      xaxis: { type: "log", title: { text: "bytes of the file (log scale)" }, gridcolor: line, exponentformat: "SI", dtick: narrow ? 1 : undefined },
      yaxis: { title: { text: "test accuracy (%)" }, gridcolor: line },
    }, { responsive: true, displaylogo: false });
    place.setAttribute("aria-label",
      `Accuracy against the bytes of the file, ${points.length} rows of ${chosen || "none"}, ${best.length} on the Pareto front. The table below has the same numbers.`);
  };

  draw();
  place.on("plotly_click", (event) => {
    const id = event.points[0]?.customdata;
    if (id) location.href = `rows/${id}.html`;
  });
  section.addEventListener("change", () => { section.dataset.chosen = "yes"; remember(); draw(); });
  table.on("draw", draw);
  document.addEventListener("theme", draw);
})();
