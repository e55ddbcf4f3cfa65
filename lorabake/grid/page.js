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
const key = `lorabake-ballot-${data.id}`;
// voter: the same whenever this file is opened here, so that votes that are sent again take the place of the first.
const voter = () => [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const ballot = { voter: voter(), name: "", stars: [], pairs: [] };
try {
  const kept = JSON.parse(localStorage.getItem(key) || "{}");
  if (Array.isArray(kept.stars) && Array.isArray(kept.pairs)) Object.assign(ballot, kept);
} catch { /* a file may have no storage */ }
const keep = () => { try { localStorage.setItem(key, JSON.stringify(ballot)); } catch { /* they last as long as the page */ } };
let marks = [];
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
  marks = [];
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
  star.setAttribute("aria-label", `Star ${one.label}`);
  const mark = () => { td.className = starred(one) ? "voted" : ""; star.textContent = starred(one) ? "★" : "☆"; star.setAttribute("aria-pressed", String(starred(one))); };
  td.addEventListener("keydown", (event) => { if (plain(event) === "s") { event.preventDefault(); vote(one); } });
  marks.push(mark);
  mark();
  under.append(star, tick);
  td.append(button, under);
  return td;
}

const starred = (one) => ballot.stars.includes(one.name);
const plain = (event) => (event.ctrlKey || event.metaKey || event.altKey ? "" : event.key.toLowerCase());
const several = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

function vote(one) {
  ballot.stars = starred(one) ? ballot.stars.filter((name) => name !== one.name) : [...ballot.stars, one.name];
  keep();
  marks.forEach((mark) => mark());
  counted();
  if (shown) refresh();
}

function counted() {
  const stars = ballot.stars.length, pairs = ballot.pairs.length;
  $("votes").textContent = [stars && several(stars, "star"), pairs && several(pairs, "vote")].filter(Boolean).join(", ") || "No votes yet";
  $("send").hidden = !stars && !pairs;
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
  $("vote").textContent = starred(cells[0]) ? "★ Starred (S)" : "☆ Star (S)";
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
$("large").addEventListener("keydown", (event) => {
  if (event.key in steps && event.target.tagName !== "SUMMARY") { event.preventDefault(); step(...steps[event.key]); }
  if (plain(event) === "s" && shown.cells.length === 1) { event.preventDefault(); vote(shown.cells[0]); }
});
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

// --- two at a time, without labels ---
let pair = null;

/** The two that were shown least, both of one prompt and seed; of these, two that win about as often. */
function nextPair() {
  const seen = {}, won = {}, asked = {}, by = new Map(data.cells.map((one) => [one.name, one]));
  const add = (table, what, amount) => { table[what] = (table[what] || 0) + amount; };
  const both = (one, other, what) => [one[what], other[what]].sort().join("/");
  let last = "";
  for (const [left, right, verdict] of ballot.pairs) {
    const one = by.get(left), other = by.get(right), share = { left: 1, right: 0 }[verdict] ?? 0.5;
    if (!one || !other) continue;
    last = both(one, other, "of");
    for (const what of ["of", "name"]) add(asked, both(one, other, what), 1);
    for (const [shown_, part] of [[one, share], [other, 1 - share]]) { add(seen, shown_.of, 1); add(won, shown_.of, part); }
  }
  const share = (of) => ((won[of] || 0) + 1) / ((seen[of] || 0) + 2);
  const usable = data.cells.filter((one) => one.src && one.of !== null);
  let least = Infinity, found = [];
  usable.forEach((one, index) => usable.slice(index + 1).forEach((other) => {
    if (one.scene !== other.scene || one.of === other.of) return;
    const cost = (seen[one.of] || 0) + (seen[other.of] || 0) + 4 * Math.abs(share(one.of) - share(other.of))
      + 2 * (asked[both(one, other, "of")] || 0) + (asked[both(one, other, "name")] || 0) + (both(one, other, "of") === last ? 1e6 : 0);
    if (cost < least - 1e-9) { least = cost; found = []; }
    if (cost < least + 1e-9) found.push([one, other]);
  }));
  const chosen = found[Math.floor(Math.random() * found.length)];
  return chosen && (Math.random() < 0.5 ? chosen : [chosen[1], chosen[0]]);
}

function ask() {
  pair ||= nextPair();
  if (!pair) return;
  ["first", "second"].forEach((id, index) => { $(id).firstElementChild.src = pair[index].src; });
  const count = ballot.pairs.length;
  $("undo").disabled = !count;
  $("far").textContent = count < data.roughly ? `${several(count, "vote")}. About ${data.roughly} are enough.` : `${several(count, "vote")}, which is enough. Close this and save them.`;
}

function decide(verdict) {
  ballot.pairs.push([pair[0].name, pair[1].name, verdict]);
  keep(); pair = null; ask(); counted();
}

function undo() {
  const last = ballot.pairs.pop();
  if (!last) return;
  pair = last.slice(0, 2).map((name) => data.cells.find((one) => one.name === name));
  if (pair.includes(undefined)) pair = null;
  keep(); ask(); counted();
}

const keys = { arrowleft: () => decide("left"), arrowright: () => decide("right"), arrowdown: () => decide("tie"), x: () => decide("neither"), u: undo };
$("blind").addEventListener("keydown", (event) => { const act = keys[plain(event)]; if (act && !event.repeat) { event.preventDefault(); act(); } });
Object.entries({ first: "left", second: "right", tie: "tie", neither: "neither" }).forEach(([id, verdict]) => $(id).addEventListener("click", () => decide(verdict)));
$("undo").addEventListener("click", undo);
$("end").addEventListener("click", () => $("blind").close());
$("begin").addEventListener("click", () => { ask(); $("blind").showModal(); $("first").focus(); });
$("begin").hidden = !nextPair();

// --- sending them back ---
const sent = () => JSON.stringify({ format: "lorabake votes", grid: data.id, voter: ballot.voter, name: ballot.name, stars: ballot.stars, pairs: ballot.pairs });
$("name").value = ballot.name;
$("name").addEventListener("input", () => { ballot.name = $("name").value.trim(); keep(); });
$("save").addEventListener("click", () => {
  const link = make("a"), address = URL.createObjectURL(new Blob([sent()], { type: "application/json" }));
  link.href = address; link.download = `votes ${ballot.name.replace(/[^\p{L}\p{N} _-]/gu, "") || "of a friend"}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
  $("sent").textContent = "Saved. Send the file back.";
});
$("copy").addEventListener("click", async () => {
  try { await navigator.clipboard.writeText(sent()); $("sent").textContent = "Copied. Send them back."; } catch { $("sent").textContent = "This browser does not let the page copy. Save them instead."; }
});
$("title").textContent = data.title;
draw();
