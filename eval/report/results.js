"use strict";
// Filters, list and detail of scored items. All text goes through textContent; only rows in sight are in the page.

const ROW = 62; // pixels; the same as .row in results.css
const data = JSON.parse(document.getElementById("data").textContent);
const items = data.items;
const pair = data.runs.length > 1;
const byId = (id) => document.getElementById(id);
const list = byId("list"), rows = byId("rows"), detail = byId("detail"), browser = byId("browser");

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

// ------------------------------------------------------------------------------------------------ outcomes
const OUTCOMES = pair
  ? ["better in B only", "better in A only", "both wrong", "both partly right", "both right"]
  : ["wrong", "partly right", "right"];

function outcomeOf(item) {
  const [first, second] = item.runs.map((run) => run.accuracy);
  if (!pair) return first >= 1 ? "right" : first > 0 ? "partly right" : "wrong";
  if (second !== first) return second > first ? "better in B only" : "better in A only";
  return first >= 1 ? "both right" : first > 0 ? "both partly right" : "both wrong";
}

const STATUS = {
  ok: "read", empty: "nothing written", no_answer: "no answer found", many_answers: "more than one answer",
  bad_format: "not in the asked form", out_of_range: "impossible answer", missing: "no prediction given", failed: "could not be run",
};
const say = (status) => STATUS[status] ?? status;

items.forEach((item, place) => { item.place = place; item.outcome = outcomeOf(item); });
const OCCURRING = OUTCOMES.filter((outcome) => items.some((item) => item.outcome === outcome));

// ------------------------------------------------------------------------------------------------ filters
const facets = new Map(); // name -> the values that an item has
facets.set("outcome", (item) => [item.outcome]);
facets.set("answer", (item) => [...new Set(item.runs.map((run) => say(run.status)))]);
for (const kind of new Set(items.flatMap((item) => Object.keys(item.groups)))) {
  const values = new Set(items.map((item) => item.groups[kind]));
  if (values.size > 1) facets.set(`group ${kind}`, (item) => (item.groups[kind] === undefined ? [] : [item.groups[kind]]));
}
const wanted = new Map([...facets.keys()].map((name) => [name, ""]));
let words = [], shown = items, chosen = null, order = "odd";

function haystack(item) {
  item.text ??= [item.id, item.question, item.gold, ...item.runs.flatMap((run) => [run.parsed, run.output])].join("\n").toLowerCase();
  return item.text;
}

function passes(item, without) {
  for (const [name, value] of wanted) {
    if (name !== without && value !== "" && !facets.get(name)(item).includes(value)) return false;
  }
  return words.every((word) => haystack(item).includes(word));
}

function countsOf(name) {
  const counts = new Map();
  for (const item of items) {
    if (passes(item, name)) for (const value of facets.get(name)(item)) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return counts;
}

const ORDERS = {
  odd: [pair ? "disagreements first" : "wrong first", (a, b) => OUTCOMES.indexOf(a.outcome) - OUTCOMES.indexOf(b.outcome) || a.place - b.place],
  data: ["as in the data", (a, b) => a.place - b.place],
  long: ["longest output", (a, b) => longest(b) - longest(a) || a.place - b.place],
};
const longest = (item) => Math.max(...item.runs.map((run) => run.output.length));

function apply() {
  shown = items.filter((item) => passes(item, "")).sort(ORDERS[order][1]);
  if (!shown.includes(chosen)) chosen = shown[0] ?? null;
  drawControls();
  drawCount();
  list.scrollTop = 0;
  choose(chosen, false);
}

function drawControls() {
  for (const name of facets.keys()) {
    const counts = countsOf(name);
    if (name === "outcome") drawOutcomes(counts); else drawSelect(name, counts);
  }
}

function drawOutcomes(counts) {
  const bar = byId("outcomes"), focused = bar.contains(document.activeElement) && document.activeElement.dataset.value;
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  bar.replaceChildren(...["", ...OCCURRING].map((value) => {
    const button = make("button", "", `${value || "all"} `);
    button.type = "button";
    button.dataset.value = value;
    button.setAttribute("aria-pressed", String(wanted.get("outcome") === value));
    button.append(make("small", "", (value ? counts.get(value) ?? 0 : total).toLocaleString("en")));
    button.addEventListener("click", () => { wanted.set("outcome", value); apply(); });
    return button;
  }));
  if (focused !== false) bar.querySelector(`[data-value="${focused}"]`)?.focus();
}

function drawSelect(name, counts) {
  let select = [...byId("selects").querySelectorAll("select")].find((one) => one.dataset.name === name);
  if (!select) {
    const label = make("label", "select", `${name.replace(/^group /, "")} `);
    select = make("select");
    select.dataset.name = name;
    select.addEventListener("change", () => { wanted.set(name, select.value); apply(); });
    label.append(select);
    byId("selects").append(label);
  }
  const value = wanted.get(name), names = [...counts.keys()].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  if (value !== "" && !counts.has(value)) names.push(value);
  select.replaceChildren(option("", "all"), ...names.map((one) => option(one, `${one} (${counts.get(one) ?? 0})`)));
  select.value = value;
  select.classList.toggle("active", value !== "");
}

const option = (value, text) => Object.assign(make("option", "", text), { value });

function drawCount() {
  const line = `${shown.length.toLocaleString("en")} of ${items.length.toLocaleString("en")} items`;
  const means = data.runs.map((run, at) => {
    const mean = (100 * shown.reduce((sum, item) => sum + item.runs[at].accuracy, 0)) / shown.length;
    return `${pair ? `${run.letter} ` : "accuracy "}${mean.toFixed(1)} %`;
  });
  byId("count").textContent = shown.length ? `${line}: ${means.join(", ")}` : "No item fits; clear a filter.";
}

// ------------------------------------------------------------------------------------------------ list
// Where all questions begin with the same words, the list shows what follows them.
const lead = items.reduce((common, item) => {
  let end = 0;
  while (end < common.length && common[end] === item.question[end]) end += 1;
  return common.slice(0, end);
}, items[0].question);
const cut = lead.length > 25 && items.length > 1 ? lead.lastIndexOf(" ") + 1 : 0;
const headOf = (item) => (cut ? "… " : "") + item.question.slice(cut).replace(/\s+/g, " ").slice(0, 240);

function drawRows() {
  rows.style.height = `${shown.length * ROW}px`;
  const from = Math.max(0, Math.floor(list.scrollTop / ROW) - 5);
  const to = Math.min(shown.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + 5);
  rows.replaceChildren(...shown.slice(from, to).map((item, step) => drawRow(item, from + step)));
  const active = shown.indexOf(chosen);
  if (active >= from && active < to) list.setAttribute("aria-activedescendant", `row-${active}`);
  else list.removeAttribute("aria-activedescendant");
}

function drawRow(item, at) {
  const row = make("div", "row");
  row.id = `row-${at}`;
  row.style.top = `${at * ROW}px`;
  row.setAttribute("role", "option");
  row.setAttribute("aria-selected", String(item === chosen));
  row.setAttribute("aria-setsize", shown.length);
  row.setAttribute("aria-posinset", at + 1);
  const ticks = make("span", "ticks");
  item.runs.forEach((run, place) => ticks.append(tick(run, place)));
  const head = make("span", "question", headOf(item) || item.id);
  const foot = make("span", "foot");
  foot.append(make("bdi", "", item.runs.map((run) => run.parsed.slice(0, 80) || say(run.status)).join(" / ")), make("bdi", "true", item.gold.slice(0, 80)), make("span", "id", item.id));
  row.append(ticks, head, foot);
  row.addEventListener("click", () => choose(item, true));
  return row;
}

function tick(run, place) {
  const right = run.accuracy >= 1, part = !right && run.accuracy > 0;
  const mark = make("span", `tick ${right ? "right" : part ? "part" : "wrong"}${run.status === "ok" ? "" : " unread"}`);
  mark.append(pair ? data.runs[place].letter : "", make("b", "", right ? "✓" : part ? "◐" : "✗"));
  mark.setAttribute("role", "img");
  mark.setAttribute("aria-label", `${pair ? `${data.runs[place].letter} ` : ""}${right ? "right" : part ? "partly right" : "wrong"}`);
  mark.title = `${mark.getAttribute("aria-label")}, ${say(run.status)}`;
  return mark;
}

function choose(item, open) {
  chosen = item;
  const at = shown.indexOf(item);
  if (at >= 0) {
    if (at * ROW < list.scrollTop) list.scrollTop = at * ROW;
    if ((at + 1) * ROW > list.scrollTop + list.clientHeight) list.scrollTop = (at + 1) * ROW - list.clientHeight;
  }
  if (open) browser.classList.add("open");
  drawRows();
  drawDetail(item);
  if (item && open) history.replaceState(null, "", `#item=${encodeURIComponent(item.key)}`);
}

function step(by) {
  if (shown.length) choose(shown[Math.min(shown.length - 1, Math.max(0, shown.indexOf(chosen) + by))], true);
}

const STEPS = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: 8, PageUp: -8, Home: -1e9, End: 1e9 };
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, select, textarea, video, summary");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") { browser.classList.remove("open"); list.focus(); }
  else if (event.key === "/" && !typing) { event.preventDefault(); byId("search").focus(); }
  else if (event.key in STEPS && !typing && (event.key.length === 1 || event.target === list)) { event.preventDefault(); step(STEPS[event.key]); }
  else if (event.key === "Enter" && event.target === list) { browser.classList.add("open"); detail.focus(); }
});

// ------------------------------------------------------------------------------------------------ detail
function drawDetail(item) {
  detail.replaceChildren();
  if (!item) return;
  const bar = make("header"), back = make("button", "back", "back to the list");
  back.type = "button";
  back.addEventListener("click", () => { browser.classList.remove("open"); list.focus(); });
  bar.append(back, make("span", `chip ${item.outcome.replace(/\s/g, "-")}`, item.outcome), make("bdi", "id", item.id));
  for (const [kind, value] of Object.entries(item.groups)) bar.append(make("span", "tag", `${kind}: ${value}`));
  detail.append(bar, make("p", "question", item.question));
  if (item.choices.length) detail.append(choiceList(item));
  detail.append(answerTable(item), ...places(item), ...item.runs.map((run, place) => outputOf(run, place)));
  detail.scrollTop = 0;
}

function choiceList(item) {
  const box = make("dl", "options");
  for (const [letter, text] of item.choices) {
    const line = make("div", item.gold === letter || item.gold.startsWith(`${letter}. `) ? "true" : "");
    line.append(make("dt", "", letter), make("dd", "", text));
    box.append(line);
  }
  return box;
}

function answerTable(item) {
  const table = make("dl", "answers"), truth = make("div", "gold");
  truth.append(swatch("gold", "true"), make("dd", "", item.gold || "(not stated)"));
  table.append(truth);
  item.runs.forEach((run, place) => {
    const line = make("div", `run-${place}`), value = make("dd", run.parsed ? "" : "problem", run.parsed || say(run.status));
    const notes = [run.parsed && run.status !== "ok" ? say(run.status) : "", run.stop === "length" ? "cut off by the token limit" : "", run.detail];
    const scores = Object.entries(run.scores).map(([name, score]) => `${name.replaceAll("_", " ")} ${score}`);
    const small = [...notes, run.accuracy > 0 && run.accuracy < 1 ? `accuracy ${run.accuracy}` : "", ...scores].filter(Boolean).join("; ");
    if (small) value.append(make("small", "", small));
    line.append(swatch(whoOf(place), pair ? data.runs[place].letter : "answer"), value, tick(run, place));
    table.append(line);
  });
  return table;
}

const whoOf = (place) => (pair && place === 0 ? "before" : "after");

function swatch(who, text) {
  const label = make("dt");
  label.append(make("i", `swatch ${who}`), text);
  return label;
}

function outputOf(run, place) {
  const box = make("details", "output"), name = pair ? `Output of ${data.runs[place].letter}` : "Output";
  box.open = true;
  box.append(make("summary", "", name), make("pre", "", run.output || "(nothing)"));
  return box;
}

// ------------------------------------------------------------------------------------------------ places
function layersOf(item) {
  const layers = [{ who: "gold", name: "true", marks: item.marks }];
  item.runs.forEach((run, place) => layers.push({ who: whoOf(place), name: pair ? data.runs[place].letter : "predicted", marks: run.marks }));
  return layers;
}

function places(item) {
  const layers = layersOf(item), found = [];
  const drawn = (shapes) => layers.some((layer) => layer.marks.some((mark) => shapes.some((shape) => shape in mark)));
  if (drawn(["box", "point", "polygon"])) found.push(legendOf(layers, ["box", "point", "polygon"]));
  item.media.forEach((medium, at) => found.push(mediumOf(medium, at === 0 ? layers : [], item.size)));
  if (drawn(["interval"])) found.push(timeline(layers, item.size));
  if (drawn(["route"])) found.push(routes(layers));
  return found;
}

function legendOf(layers, shapes) {
  const bar = make("p", "legend");
  for (const layer of layers.filter((one) => one.marks.some((mark) => shapes.some((shape) => shape in mark)))) {
    const label = make("label"), box = make("input");
    box.type = "checkbox";
    box.checked = true;
    box.addEventListener("change", () => { for (const one of detail.querySelectorAll(`.overlay .${layer.who}`)) one.classList.toggle("off", !box.checked); });
    label.append(box, make("i", `swatch ${layer.who}`), layer.name);
    bar.append(label);
  }
  return bar;
}

function mediumOf(medium, layers, size) {
  const figure = make("figure", "medium");
  if (!medium.url) { figure.append(make("p", "empty", `Not found: ${medium.name || "picture"}`), ...blankWith(layers, size)); return figure; }
  if (medium.kind === "video") {
    const video = make("video");
    video.controls = true;
    video.preload = "metadata";
    video.src = medium.url;
    figure.append(video);
    return figure;
  }
  const canvas = make("div", "canvas"), picture = make("img");
  picture.alt = `picture ${medium.name}`;
  picture.addEventListener("load", () => {
    if (picture.naturalWidth < 200) picture.classList.add("pixelated");
    canvas.style.setProperty("--ratio", picture.naturalWidth / picture.naturalHeight);
    const [width, height] = size ?? [picture.naturalWidth, picture.naturalHeight];
    canvas.append(overlay(layers, width, height, picture.naturalWidth / picture.naturalHeight));
  });
  picture.addEventListener("error", () => figure.replaceChildren(make("p", "empty", `Cannot be shown: ${medium.name}`)));
  picture.src = medium.url;
  canvas.append(picture);
  const enlarge = make("button", "enlarge", "full size");
  enlarge.type = "button";
  enlarge.setAttribute("aria-pressed", "false");
  enlarge.addEventListener("click", () => enlarge.setAttribute("aria-pressed", String(figure.classList.toggle("full"))));
  figure.append(canvas, enlarge);
  return figure;
}

// Without its picture, places are still drawn in proportion to each other.
function blankWith(layers, size) {
  const places = layers.flatMap((layer) => layer.marks.flatMap((mark) => mark.box ?? mark.polygon ?? mark.point ?? []));
  if (!places.length) return [];
  const extent = (axis) => 1.05 * Math.max(...places.filter((_, at) => at % 2 === axis), 1e-6);
  const [width, height] = size ?? [extent(0), extent(1)], canvas = make("div", "canvas blank");
  canvas.style.setProperty("--ratio", width / height);
  canvas.append(overlay(layers, width, height, width / height));
  return [canvas];
}

function svg(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

// The drawing has the picture's shape and a width of 1000, whatever the frame of the places is.
function overlay(layers, width, height, ratio) {
  const tall = 1000 / ratio, sx = 1000 / width, sy = tall / height;
  const drawing = svg("svg", { class: "overlay frame", viewBox: `0 0 1000 ${tall}`, "aria-hidden": "true" });
  for (const { who, marks } of layers) for (const mark of marks) drawMark(drawing, who, mark, sx, sy);
  return drawing;
}

function drawMark(drawing, who, mark, sx, sy) {
  const both = (tag, attributes, more = "") => {
    for (const part of ["halo", "mark"]) drawing.append(svg(tag, { ...attributes, class: `${part} ${who}${more}` }));
  };
  if (mark.box) {
    const [x1, y1, x2, y2] = mark.box;
    both("rect", { x: Math.min(x1, x2) * sx, y: Math.min(y1, y2) * sy, width: Math.abs(x2 - x1) * sx, height: Math.abs(y2 - y1) * sy });
  } else if (mark.point) {
    both("path", { d: `M${mark.point[0] * sx} ${mark.point[1] * sy}h0.01` }, " point");
  } else if (mark.polygon) {
    const corners = mark.polygon.map((value, at) => value * (at % 2 ? sy : sx));
    both("polygon", { points: corners.join(" ") });
  }
  if (mark.label) {
    const at = mark.box ?? mark.point ?? mark.polygon ?? [0, 0];
    const text = svg("text", { x: at[0] * sx, y: Math.max(18, at[1] * sy - 5), class: `label ${who}` });
    text.textContent = mark.label;
    drawing.append(text);
  }
}

function timeline(layers, size) {
  const ends = layers.flatMap((layer) => layer.marks.flatMap((mark) => (mark.interval ? [mark.interval[1]] : [])));
  const total = size ? size[0] : Math.max(1, ...ends) * 1.05, box = make("div", "timeline");
  for (const layer of layers) {
    const line = make("div", "lane");
    line.append(make("b", "", layer.name), make("span", "bar"));
    for (const { interval } of layer.marks.filter((mark) => mark.interval)) {
      const [start, end] = interval, part = make("button", `part ${layer.who}`);
      part.type = "button";
      part.style.left = `${Math.min(100, Math.max(0, (100 * start) / total))}%`;
      part.style.width = `${Math.max(0.4, Math.min(100, (100 * (end - start)) / total))}%`;
      part.title = `${start} to ${end} s`;
      part.setAttribute("aria-label", `${layer.name}: ${start} to ${end} seconds; plays from there`);
      part.addEventListener("click", () => { const clip = detail.querySelector("video"); if (clip) { clip.currentTime = start; clip.play(); } });
      line.lastChild.append(part);
    }
    box.append(line);
  }
  box.append(make("p", "note", `0 to ${total.toFixed(1)} seconds`));
  return box;
}

function routes(layers) {
  const box = make("div", "routes");
  const truth = new Set((layers[0].marks.find((mark) => mark.route)?.route ?? []).map((leg) => leg.join("\n").toLowerCase()));
  for (const layer of layers) {
    for (const { route } of layer.marks.filter((mark) => mark.route)) {
      const line = make("ol", `route ${layer.who}`);
      for (const [name, from, to] of route) {
        const leg = make("li", truth.has([name, from, to].join("\n").toLowerCase()) ? "same" : "other");
        leg.append(make("bdi", "stop", from), make("bdi", "line", name), make("bdi", "stop", to));
        line.append(leg);
      }
      const row = make("div", "lane");
      row.append(make("b", "", layer.name), line);
      box.append(row);
    }
  }
  return box;
}

// ------------------------------------------------------------------------------------------------ start
for (const [name, [text]] of Object.entries(ORDERS)) byId("order").append(option(name, text));
byId("order").addEventListener("change", (event) => { order = event.target.value; apply(); });
let waiting = 0;
byId("search").addEventListener("input", (event) => {
  clearTimeout(waiting);
  waiting = setTimeout(() => { words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean); apply(); }, 120);
});
byId("clear").addEventListener("click", () => {
  for (const name of wanted.keys()) wanted.set(name, "");
  words = [];
  byId("search").value = "";
  apply();
});
for (const button of document.querySelectorAll(".pick")) {
  button.addEventListener("click", () => {
    wanted.set(`group ${button.dataset.kind}`, button.dataset.value);
    apply();
    browser.scrollIntoView();
    list.focus();
  });
}
list.addEventListener("scroll", drawRows, { passive: true });
new ResizeObserver(drawRows).observe(list);
browser.hidden = false;
apply();

function openLinked() {
  const match = /^#item=(.+)$/.exec(location.hash);
  let key = "";
  try { key = match ? decodeURIComponent(match[1]) : ""; } catch { return; } // half an escape in a link made by hand
  const item = items.find((one) => one.key === key || one.id === key);
  if (item && shown.includes(item)) choose(item, true);
}
addEventListener("hashchange", openLinked);
openLinked();
