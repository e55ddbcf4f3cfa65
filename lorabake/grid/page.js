"use strict";
// Everything that comes from the grid reaches the page as text or as a picture's address, never as HTML.
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const make = (tag, text = "", name = "") => {
  const node = document.createElement(tag);
  if (text) node.textContent = text;
  if (name) node.className = name;
  return node;
};
const axes = data.axes.map((axis, index) => ({ ...axis, index })).filter((axis) => axis.name);
const key = `lorabake-votes-${data.id}`;
let votes = new Set();
try { votes = new Set(JSON.parse(localStorage.getItem(key) || "[]")); } catch { /* a file may have no storage */ }
let across = axes[0], down = axes[1], fixed = {}, shown = null, picked = [], real = false;
axes.forEach((axis) => { fixed[axis.index] = 0; });

function cell(at) { return data.cells.find((one) => one.at.every((value, index) => value === at[index])); }

function at(x, y) {
  const place = [0, 0, 0];
  axes.forEach((axis) => { place[axis.index] = fixed[axis.index]; });
  if (across) place[across.index] = x;
  if (down) place[down.index] = y;
  return place;
}

function choice(label, options, value, change) {
  const wrap = make("label", `${label} `), select = make("select");
  options.forEach(([text, own]) => { const option = make("option", text); option.value = own; select.append(option); });
  select.setAttribute("aria-label", label);
  select.value = value;
  select.addEventListener("change", () => change(select.value));
  wrap.append(select);
  return wrap;
}

function drawChoices() {
  const named = axes.map((axis) => [axis.name + (axes.filter((one) => one.name === axis.name).length > 1 ? ` (${"XYZ"[axis.index]})` : ""), String(axis.index)]);
  const parts = [];
  if (axes.length > 1) {
    const put = (axis, other) => (value) => {
      const chosen = axes.find((one) => String(one.index) === value);
      if (axis === "across") { if (chosen === down) down = across; across = chosen; } else { if (chosen === across) across = down; down = chosen; }
      draw();
    };
    parts.push(choice("Across", named, String(across.index), put("across")), choice("Down", named, String(down.index), put("down")));
  }
  axes.filter((axis) => axis !== across && axis !== down).forEach((axis) => parts.push(
    choice(axis.name, axis.values.map((text, index) => [text, String(index)]), String(fixed[axis.index]), (value) => { fixed[axis.index] = Number(value); draw(); })));
  $("choices").replaceChildren(...parts);
}

function draw() {
  drawChoices();
  const columns = across ? across.values : [""], rows = down ? down.values : [""];
  const table = make("table"), head = make("tr"), body = make("tbody"), top = make("thead");
  head.append(make("th"), ...columns.map((text) => { const th = make("th", text); th.scope = "col"; return th; }));
  top.append(head);
  rows.forEach((text, y) => {
    const row = make("tr"), th = make("th", text);
    th.scope = "row";
    row.append(th, ...columns.map((_, x) => drawCell(cell(at(x, y)), x, y)));
    body.append(row);
  });
  table.append(top, body);
  $("frame").replaceChildren(table);
  counted();
}

function drawCell(one, x, y) {
  const td = make("td");
  if (!one || !one.src) { td.append(make("div", one && one.error ? one.error : "Not rendered yet.", "error")); return td; }
  const button = make("button", "", "picture"), image = make("img");
  button.type = "button";
  image.src = one.src; image.alt = one.label; image.loading = "lazy";
  button.append(image);
  button.addEventListener("click", () => open([one], x, y));
  const under = make("div", "", "under"), star = make("button"), tick = make("label"), box = make("input");
  star.type = "button";
  star.addEventListener("click", () => vote(one));
  box.type = "checkbox"; box.checked = picked.includes(one);
  box.addEventListener("change", () => { picked = picked.filter((other) => other !== one); if (box.checked) picked = [...picked, one].slice(-2); draw(); });
  tick.append(box, make("span", "compare"));
  const mark = () => { td.className = votes.has(one.name) ? "voted" : ""; star.textContent = votes.has(one.name) ? "★" : "☆"; star.setAttribute("aria-label", `Vote for ${one.label}`); star.setAttribute("aria-pressed", String(votes.has(one.name))); };
  mark();
  under.append(star, tick);
  td.append(button, under);
  return td;
}

function vote(one) {
  if (votes.has(one.name)) votes.delete(one.name); else votes.add(one.name);
  try { localStorage.setItem(key, JSON.stringify([...votes])); } catch { /* they last as long as the page */ }
  draw();
  if (shown) refresh();
}

function chosen() { return data.cells.filter((one) => votes.has(one.name)).map((one) => one.label); }

function counted() {
  const count = chosen().length;
  $("votes").textContent = count ? `${count} ${count === 1 ? "vote" : "votes"}` : "No votes yet";
  $("copy").disabled = !count;
  $("compare").disabled = picked.length !== 2;
}

function open(cells, x, y) { shown = { cells, x, y }; refresh(); if (!$("large").open) $("large").showModal(); }

function refresh() {
  const { cells } = shown, pair = cells.length === 2;
  $("stage").className = `stage${pair ? " pair" : ""}${real ? " real" : ""}`;
  $("stage").replaceChildren(...cells.map((one) => { const image = make("img"); image.src = one.src; image.alt = one.label; return image; }));
  $("caption").textContent = cells.map((one) => one.label).join("   ↔   ");
  $("made").textContent = cells.map((one) => one.text).join("\n\n");
  $("zoom").textContent = real ? "Fit the window" : "Real size";
  $("vote").textContent = votes.has(cells[0].name) ? "★ Voted" : "☆ Vote";
  ["left", "right", "up", "down", "vote"].forEach((id) => { $(id).hidden = pair; });
}

function step(dx, dy) {
  if (!shown || shown.cells.length === 2) return;
  const x = Math.min(Math.max(shown.x + dx, 0), (across ? across.values.length : 1) - 1);
  const y = Math.min(Math.max(shown.y + dy, 0), (down ? down.values.length : 1) - 1);
  const one = cell(at(x, y));
  if (one && one.src) open([one], x, y);
}

const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
$("large").addEventListener("keydown", (event) => { if (event.key in steps && event.target.tagName !== "SUMMARY") { event.preventDefault(); step(...steps[event.key]); } });
$("left").addEventListener("click", () => step(-1, 0));
$("right").addEventListener("click", () => step(1, 0));
$("up").addEventListener("click", () => step(0, -1));
$("down").addEventListener("click", () => step(0, 1));
$("zoom").addEventListener("click", () => { real = !real; refresh(); });
$("stage").addEventListener("click", () => { real = !real; refresh(); });
$("vote").addEventListener("click", () => vote(shown.cells[0]));
$("close").addEventListener("click", () => $("large").close());
$("large").addEventListener("click", (event) => { if (event.target === $("large")) $("large").close(); });
$("large").addEventListener("close", () => { shown = null; });
$("compare").addEventListener("click", () => open(picked, 0, 0));
$("copy").addEventListener("click", async () => {
  const text = chosen().join("\n");
  try { await navigator.clipboard.writeText(text); $("votes").textContent = "Copied. Send them back."; } catch { $("votes").textContent = text; }
});
$("title").textContent = data.title;
draw();
