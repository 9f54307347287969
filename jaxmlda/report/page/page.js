"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);

  /* Figures: drawn when they come near the screen, all of them before printing. */
  const figures = read("figure-data");
  const options = { displaylogo: false, responsive: true, displayModeBar: matchMedia("(hover: hover)").matches ? "hover" : false, modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"] };
  const draw = (id) => {
    const figure = figures[id];
    if (!figure) return;
    delete figures[id];
    const layout = figure.layout;
    layout.autosize = true;
    layout.font.family = getComputedStyle(document.body).fontFamily;
    Plotly.newPlot(id, figure.data, layout, options);
  };
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { draw(entry.target.id); watcher.unobserve(entry.target); }
  }, { rootMargin: "800px" });
  for (const id of Object.keys(figures)) watcher.observe(document.getElementById(id));
  addEventListener("beforeprint", () => {
    for (const closed of document.querySelectorAll("details.flag")) closed.open = true;
    for (const id of Object.keys(figures)) draw(id); });

  /* Questions: every text becomes a text node, never markup. */
  const PAGE = 25;
  const data = read("question-data");
  const state = { run: 0, search: "", group: "", set: "", fate: "", sort: "text", down: false, page: 0 };
  const make = (name, attributes, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
    for (const child of children) element.append(child);
    return element;
  };
  const groupName = (code) => Object.hasOwn(data.groups, code) ? data.groups[code] : code;
  const textOf = (record, value) => {
    const attributes = { class: value.length > 600 ? "text long" : "text", dir: "auto" };
    if (/^[a-z]{2,3}$/.test(record.language)) attributes.lang = record.language;
    const element = make("span", attributes);
    element.textContent = value;
    return element;
  };
  const fold = (value) => value.normalize("NFKC").toLowerCase();
  const haystacks = new Map();
  const haystack = (index) => {
    if (!haystacks.has(index)) {
      const record = data.texts[index];
      haystacks.set(index, fold([record.id, record.document, record.question, record.sentence, ...record.options].join("\n")));
    }
    return haystacks.get(index);
  };
  const columns = [
    { key: "text", name: "question", width: "44%", value: (row) => data.texts[row.text].question },
    { key: "set", name: "set", width: "16%", value: (row) => data.texts[row.text].set },
    { key: "group", name: "group", width: "13%", value: (row) => row.group },
    { key: "fate", name: "fate", width: "10%", value: (row) => row.fate },
    { key: "learned", name: "learned at step", width: "9%", value: (row) => row.learned },
    { key: "gain", name: "gain in margin", width: "8%", value: (row) => row.gain },
  ];
  const matching = () => {
    const words = fold(state.search).split(/\s+/).filter(Boolean);
    const rows = data.runs[state.run].rows.filter((row) =>
      (!state.group || row.group === state.group) && (!state.fate || row.fate === state.fate) &&
      (!state.set || data.texts[row.text].set === state.set) && words.every((word) => haystack(row.text).includes(word)));
    const value = columns.find((column) => column.key === state.sort).value;
    const sign = state.down ? -1 : 1;
    return state.sort === "text" && !state.down && !state.sorted ? rows : rows.sort((a, b) => {
      const x = value(a), y = value(b);
      if (x === null || y === null) return (x === null) - (y === null);
      return sign * (typeof x === "number" ? x - y : x.localeCompare(y));
    });
  };
  const score = (value) => value === null ? "–" : value.toFixed(2);
  const details = (row) => {
    const record = data.texts[row.text];
    const cell = make("td", { colspan: columns.length });
    const list = make("ol", {});
    record.options.forEach((option, i) => {
      const gold = record.answers.includes(i);
      const item = make("li", gold ? { class: "gold" } : {}, textOf(record, option));
      const label = `${gold ? "✓ gold · " : ""}step ${row.steps[0]}: ${score(row.first[i] ?? null)} · step ${row.steps[1]}: ${score(row.last[i] ?? null)}`;
      const note = make("span", { class: "score" });
      note.textContent = label;
      item.append(note);
      list.append(item);
    });
    cell.append(list);
    if (record.sentence) { cell.append("Source sentence: ", textOf(record, record.sentence)); }
    const about = make("p", { class: "note" });
    about.textContent = `${record.set} · ${record.id} · document ${record.document || "unknown"}` + (row.seen === null ? "" : ` · trained on ${row.seen} times`);
    cell.append(about);
    return make("tr", { class: "detail" }, cell);
  };
  const line = (row) => {
    const record = data.texts[row.text];
    const show = make("button", { type: "button", "aria-expanded": "false", "aria-label": "Show options and scores" }, "+");
    const question = make("td", {}, make("div", { class: "ask" }, show, textOf(record, record.question)));
    const element = make("tr", {}, question);
    const values = [record.set, groupName(row.group), row.fate, row.learned ?? "–", row.gain === null ? "–" : row.gain.toFixed(2)];
    values.forEach((value, i) => element.append(make("td", { class: `column-${columns[i + 1].key}` }, String(value))));
    let opened = null;
    show.addEventListener("click", () => {
      if (opened) { opened.remove(); opened = null; } else { opened = details(row); element.after(opened); }
      show.textContent = opened ? "−" : "+";
      show.setAttribute("aria-expanded", String(Boolean(opened)));
    });
    return element;
  };
  const root = document.getElementById("browser");
  const count = make("p", { class: "note", role: "status" });
  const head = make("tr", {});
  const body = make("tbody", {});
  const back = make("button", { type: "button" }, "← earlier");
  const on = make("button", { type: "button" }, "later →");
  const show = () => {
    const rows = matching();
    const pages = Math.max(1, Math.ceil(rows.length / PAGE));
    state.page = Math.min(state.page, pages - 1);
    count.textContent = `${rows.length} questions, page ${state.page + 1} of ${pages}`;
    body.replaceChildren(...rows.slice(state.page * PAGE, (state.page + 1) * PAGE).map(line));
    back.disabled = state.page === 0;
    on.disabled = state.page >= pages - 1;
    [...head.children].forEach((cell, i) => cell.setAttribute("aria-sort",
      state.sorted && columns[i].key === state.sort ? (state.down ? "descending" : "ascending") : "none"));
  };
  for (const column of columns) {
    const button = make("button", { type: "button" }, column.name);
    button.addEventListener("click", () => {
      state.down = state.sorted && state.sort === column.key ? !state.down : false;
      state.sort = column.key; state.sorted = true; state.page = 0; show();
    });
    head.append(make("th", { scope: "col", class: `column-${column.key}`, style: `width:${column.width}` }, button));
  }
  const choice = (name, key, values, naming) => {
    const select = make("select", {}, make("option", { value: "" }, "all"));
    for (const value of values) select.append(make("option", { value }, naming ? naming(value) : value));
    select.addEventListener("change", () => { state[key] = select.value; state.page = 0; show(); });
    return make("label", {}, name, select);
  };
  const unique = (pick) => [...new Set(data.runs.flatMap((run) => run.rows.map(pick)))].sort();
  const search = make("input", { type: "search", placeholder: "kinase, キナーゼ …" });
  let waiting = 0;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { state.search = search.value; state.page = 0; show(); }, 150);
  });
  const controls = make("div", { class: "controls" }, make("label", { class: "wide" }, "search (either script)", search));
  if (data.runs.length > 1) {
    const select = make("select", {});
    data.runs.forEach((run, i) => select.append(make("option", { value: i }, run.name)));
    select.addEventListener("change", () => { state.run = Number(select.value); state.page = 0; show(); });
    controls.append(make("label", {}, "run", select));
  }
  controls.append(choice("set", "set", unique((row) => data.texts[row.text].set)),
    choice("group", "group", unique((row) => row.group), groupName), choice("fate", "fate", unique((row) => row.fate)));
  back.addEventListener("click", () => { state.page -= 1; show(); });
  on.addEventListener("click", () => { state.page += 1; show(); });
  root.append(controls, count,
    make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Questions" }, make("table", {}, make("thead", {}, head), body)),
    make("p", { class: "pager" }, back, " ", on));
  show();
})();
