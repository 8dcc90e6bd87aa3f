// The table: DataTables does the work; here are its columns, the filters, and the view in the address.
(() => {
  const { columns, rows, filters, state: STATE, front: FRONT } = window.ccbench;
  const at = Object.fromEntries(columns.map((column, index) => [column.key, index + FRONT]));
  const narrow = matchMedia("(max-width: 640px)").matches;
  const usual = columns.filter((c) => (narrow ? c.narrow : c.shown)).map((c) => c.key);
  const escape = DataTable.render.text().display;
  const number = (text) => (text === "" ? null : parseFloat(text.replaceAll(",", "")));
  const short = (index) => rows.every((row) => row[index + FRONT].length <= 28);  // such texts stay on one line
  const cell = (column, index) => (text, kind, row) => {
    if (kind === "sort" || kind === "type") return column.number ? number(text) : text.toLowerCase();
    if (kind !== "display") return text;
    return index ? escape(text) : `<a href="rows/${row[0]}.html">${escape(text)}</a>`;
  };

  const table = new DataTable("#board", {
    data: rows,
    columns: columns.map((column, index) => ({
      data: index + FRONT,
      title: escape(column.title),
      type: column.number ? "num" : "string",
      className: column.number ? "n" : short(index) ? "t short" : "t",
      visible: usual.includes(column.key),
      orderSequence: column.number ? ["desc", "asc"] : ["asc", "desc"],
      render: cell(column, index),
    })),
    order: [],
    autoWidth: false,
    pageLength: narrow ? 25 : 50,
    lengthMenu: [25, 50, 100, 500],
    layout: { topStart: "info", topEnd: "pageLength", bottomStart: null, bottomEnd: "paging" },
    language: {
      info: "Rows _START_ to _END_ of _TOTAL_", infoEmpty: "No rows", infoFiltered: "(of _MAX_ in all)",
      lengthMenu: "_MENU_ rows a page", zeroRecords: "No row fits the filters", emptyTable: "There are no rows",
    },
    createdRow: (line, row) => line.classList.add(`is-${row[STATE]}`),
    initComplete() {
      const box = document.createElement("div");  // wide tables scroll in a box that the keyboard reaches
      Object.assign(box, { className: "scroll", tabIndex: 0 });
      box.setAttribute("role", "region");
      box.setAttribute("aria-labelledby", "rows-title");
      const drawn = document.getElementById("board");
      drawn.before(box);
      box.append(drawn);
    },
  });

  const form = document.getElementById("filters");
  const search = document.getElementById("search");
  const selects = Object.fromEntries(filters.map((key) => [key, document.getElementById(`filter-${key}`)]));
  const section = document.getElementById("section");
  const boxes = {};

  for (const key of filters) {
    const values = [...new Set(rows.map((row) => row[at[key]]))].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    selects[key].append(...values.map((value) => new Option(value || "none", value || "none")));
  }
  for (const column of columns) {
    const label = document.createElement("label");
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: usual.includes(column.key) });
    label.append(box, ` ${column.title}`);
    label.title = column.note;
    boxes[column.key] = box;
    document.getElementById("column-list").append(label);
    box.addEventListener("change", () => { table.column(at[column.key] - FRONT).visible(box.checked); remember(); });
  }
  table.search.fixed("filters", (_, row) =>
    filters.every((key) => selects[key].value === "" || selects[key].value === (row[at[key]] || "none")));

  const shown = () => columns.map((column) => column.key).filter((key) => boxes[key].checked);

  // The view as it stands behind the # of the address: only what differs from the usual one.
  const view = () => {
    const params = new URLSearchParams();
    if (search.value) params.set("q", search.value);
    for (const key of filters) if (selects[key].value) params.set(key, selects[key].value);
    const [order] = table.order();
    if (order) params.set("sort", `${columns[order[0]].key}:${order[1]}`);
    if (shown().join() !== usual.join()) params.set("columns", shown().join());
    if (section.value && section.dataset.chosen) params.set("plot", section.value);
    return params.toString();
  };
  let applying = false;
  const remember = () => {
    if (applying) return;
    const hash = view();
    if (hash !== location.hash.slice(1)) history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
  };
  const apply = () => {
    applying = true;
    const params = new URLSearchParams(location.hash.slice(1));
    search.value = params.get("q") ?? "";
    for (const key of filters) {
      const wanted = params.get(key) ?? "";
      selects[key].value = [...selects[key].options].some((option) => option.value === wanted) ? wanted : "";
    }
    const keys = params.has("columns") ? params.get("columns").split(",") : usual;
    for (const column of columns) {
      boxes[column.key].checked = keys.includes(column.key);
      table.column(at[column.key] - FRONT).visible(boxes[column.key].checked, false);
    }
    const [key, way] = (params.get("sort") ?? "").split(":");
    table.order(key in at && ["asc", "desc"].includes(way) ? [[at[key] - FRONT, way]] : []);
    section.dataset.wanted = params.get("plot") ?? "";
    delete section.dataset.chosen;
    table.search(search.value).draw();
    applying = false;
  };

  search.addEventListener("input", () => table.search(search.value).draw());
  form.addEventListener("change", () => table.draw());
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => {  // apply() sets every field itself, at once; the browser would do it after this handler
    event.preventDefault();
    history.replaceState(null, "", location.pathname + location.search);
    apply();
  });
  table.on("draw", remember);
  table.on("order", remember);
  addEventListener("hashchange", apply);
  window.ccbench.table = table;
  window.ccbench.at = at;
  window.ccbench.remember = remember;
  apply();
})();
