// Plots of a row's trainings: their points are read from the tables below them, which say the same to everybody.
(() => {
  const { colours, scheme } = window.ccbenchLook;
  const DASHES = ["solid", "dash", "dot", "dashdot", "longdash"];
  const number = (text) => parseFloat(text.replaceAll(",", ""));

  const traces = (figure, soft) => {
    const rows = [...figure.querySelectorAll("tbody tr")].map((row) => [...row.cells].map((cell) => cell.textContent));
    return [...figure.querySelectorAll("thead th")].slice(1).map((head, index) => {
      const points = rows.filter((row) => row[index + 1] !== "");
      const aside = head.dataset.aside === "yes";
      return {
        x: points.map((row) => number(row[0])), y: points.map((row) => number(row[index + 1])),
        name: head.dataset.name, type: "scatter", mode: points.length > 1 ? "lines" : "markers", yaxis: aside ? "y2" : "y",
        line: aside ? { color: soft, width: 1, dash: "dot" }
          : { color: colours[index % colours.length], width: 2, dash: DASHES[index % DASHES.length] },
        hovertemplate: `${head.dataset.name}<br>%{x:,} iterations<br>%{y:.4g}<extra></extra>`,
      };
    });
  };

  const draw = (figure) => {
    const place = figure.querySelector(".plot");
    const { ink, soft, paper, line } = scheme();
    const found = traces(figure, soft);
    const beside = found.some((trace) => trace.yaxis === "y2");
    Plotly.react(place, found, {
      paper_bgcolor: paper, plot_bgcolor: paper, font: { color: ink, size: 12 }, hovermode: "closest", height: 340,
      margin: { l: 60, r: beside ? 65 : 15, t: 10, b: 50 },
      showlegend: found.length > 1, legend: { orientation: "h", y: -0.25, yanchor: "top" },
      xaxis: { title: { text: "iterations" }, gridcolor: line, rangemode: "tozero" },
      yaxis: { title: { text: figure.dataset.axis }, gridcolor: line, rangemode: beside ? "tozero" : "normal" },
      ...(beside && { yaxis2: { title: { text: figure.dataset.beside }, overlaying: "y", side: "right", showgrid: false,
        rangemode: "tozero", tickmode: "auto", nticks: 6, exponentformat: "power" } }),
    }, { responsive: true, displaylogo: false, displayModeBar: false });
  };

  const figures = document.querySelectorAll("figure.course");
  const all = () => figures.forEach(draw);
  all();
  document.addEventListener("theme", all);
})();
