"use strict";
const $ = id => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const grid = $("grid"), view = $("view");
const GAP = 6, SPARE_ROWS = 3, PER_SHEET = data.side ** 2;
const HUES = ["red", "orange", "yellow", "lime", "green", "emerald", "cyan", "azure", "blue",
  "violet", "magenta", "rose", "grey"];
const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

// One object per image, in the order of the sheets.
const images = [];
for (const [family, extension, first, n] of data.runs) {
  for (let index = first; index < first + n; index++) {
    const place = images.length;
    const digits = String(index).padStart(6, "0");
    images.push({
      place, family, index, file: `${family}/${digits}.${extension}`, name: `${family} ${digits}`,
      palettes: data.paletteOf[place], hue: data.hueOf[place],
      complexity: data.complexityOf[place],
    });
  }
}

const paletteNames = image => image.palettes.map(number => data.palettes[number]).join(", ");
const described = image => `${image.name}, palette ${paletteNames(image)}, mostly ` +
  `${HUES[image.hue]}`;

// Filters. A histogram counts what the other filters leave.
const chosen = { hue: null, complexity: null };
let shown = images;

function wanted(image, except) {
  const family = $("family").value, palette = $("palette").value;
  const range = $("index").value.trim().match(/^(\d+)(?:\s*-\s*(\d+))?$/);
  return (!family || image.family === family)
    && (!palette || image.palettes.includes(Number(palette)))
    && (!$("index").value.trim() ||
      (range && image.index >= Number(range[1]) && image.index <= Number(range[2] ?? range[1])))
    && ["hue", "complexity"].every(
      key => key === except || chosen[key] === null || image[key] === chosen[key]);
}

function filter() {
  shown = images.filter(image => wanted(image));
  const all = shown.length === images.length;
  $("count").textContent = all ? count(images.length, "image")
    : `${shown.length.toLocaleString("en")} of ${count(images.length, "image")}`;
  $("nothing").hidden = shown.length > 0;
  $("reset").disabled = all;
  histogram($("hues"), "hue", HUES);
  histogram($("complexities"), "complexity", complexityNames);
  const top = grid.getBoundingClientRect().top + scrollY - $("filters").offsetHeight;
  if (scrollY > top) scrollTo(0, top);
  current = 0;
  lay();
}

const complexityNames = Array.from({ length: data.nComplexities }, (_, bin) => {
  const step = 100 / data.nComplexities;
  return `${bin * step} to ${(bin + 1) * step}% edges`;
});

function histogram(box, key, names) {
  const counts = names.map(() => 0);
  for (const image of images) if (wanted(image, key)) counts[image[key]]++;
  const most = Math.max(1, ...counts);
  if (!box.children.length) {
    names.forEach((_, bin) => {
      const bar = box.appendChild(document.createElement("button"));
      bar.type = "button";
      bar.appendChild(document.createElement("span"));
      if (key === "hue") {
        bar.style.setProperty("--bar", bin < data.nHues ? `hsl(${bin * 30} 62% 50%)` : "#888");
      }
      bar.addEventListener("click", () => {
        chosen[key] = chosen[key] === bin ? null : bin;
        filter();
      });
    });
  }
  counts.forEach((number, bin) => {
    const bar = box.children[bin];
    const label = `${names[bin]}: ${count(number, "image")}`;
    bar.title = label;
    bar.setAttribute("aria-label", label);
    bar.setAttribute("aria-pressed", chosen[key] === bin);
    bar.classList.toggle("unchosen", chosen[key] !== null && chosen[key] !== bin);
    bar.disabled = number === 0 && chosen[key] !== bin;
    bar.firstChild.style.height = `${number && Math.max(2, 100 * number / most)}%`;
  });
}

function options(select, all, entries) {
  select.add(new Option(all, ""));
  for (const [text, value, number] of entries) {
    if (number) select.add(new Option(`${text} (${number.toLocaleString("en")})`, value));
  }
}

// The grid holds only the rows in view. Their thumbnails are parts of sheets.
let columns = 1, side = data.tile, current = 0;
const cells = new Map();

function lay() {
  const width = grid.clientWidth;
  columns = Math.max(3, Math.round((width + GAP) / (data.tile + GAP)));
  side = (width - GAP * (columns - 1)) / columns;
  grid.style.height = `${Math.ceil(shown.length / columns) * (side + GAP)}px`;
  for (const cell of cells.values()) cell.remove();
  cells.clear();
  draw();
}

function draw() {
  const row = side + GAP, top = -grid.getBoundingClientRect().top;
  const first = Math.max(0, Math.floor(top / row) - SPARE_ROWS) * columns;
  const last = Math.min(shown.length, (Math.ceil((top + innerHeight) / row) + SPARE_ROWS) * columns);
  for (const [position, cell] of cells) {
    if ((position < first || position >= last) && cell !== document.activeElement) {
      cell.remove();
      cells.delete(position);
    }
  }
  for (let position = first; position < last; position++) {
    if (!cells.has(position)) cells.set(position, grid.appendChild(newCell(position)));
  }
  if (!cells.has(current)) current = Math.min(last - 1, Math.max(0, Math.ceil(top / row)) * columns);
  for (const [position, cell] of cells) cell.tabIndex = position === current ? 0 : -1;
}

function newCell(position) {
  const cell = document.createElement("button"), image = shown[position];
  cell.type = "button";
  cell.className = "cell";
  cell.title = image.name;
  cell.setAttribute("aria-label", described(image));
  cell.style.width = cell.style.height = `${side}px`;
  cell.style.left = `${position % columns * (side + GAP)}px`;
  cell.style.top = `${Math.floor(position / columns) * (side + GAP)}px`;
  paint(cell, image.place);
  cell.addEventListener("click", () => open(position));
  cell.addEventListener("focus", () => { current = position; });
  return cell;
}

function paint(element, place) {
  const sheet = Math.floor(place / PER_SHEET), within = place % PER_SHEET, gaps = data.side - 1;
  element.style.backgroundImage = `url("${sheetUrl(sheet)}")`;
  element.style.backgroundSize = `${data.side * 100}%`;
  element.style.backgroundPosition =
    `${within % data.side / gaps * 100}% ${Math.floor(within / data.side) / gaps * 100}%`;
}

const sheetUrls = new Map();

function sheetUrl(number) {
  const inline = $(`sheet-${number}`);
  if (!inline) return `sheets/${String(number).padStart(4, "0")}.jpg`;
  if (!sheetUrls.has(number)) {
    const bytes = Uint8Array.from(atob(inline.textContent), letter => letter.charCodeAt(0));
    sheetUrls.set(number, URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" })));
  }
  return sheetUrls.get(number);
}

function move(position) {
  current = Math.max(0, Math.min(shown.length - 1, position));
  const row = side + GAP, bar = $("filters").offsetHeight + GAP;
  const top = grid.getBoundingClientRect().top + Math.floor(current / columns) * row;
  if (top < bar) scrollBy(0, top - bar);
  else if (top + row > innerHeight) scrollBy(0, top + row - innerHeight);
  draw();
  cells.get(current)?.focus({ preventScroll: true });
}

grid.addEventListener("keydown", event => {
  const page = Math.max(1, Math.floor((innerHeight - 100) / (side + GAP))) * columns;
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns,
    PageUp: -page, PageDown: page, Home: -Infinity, End: Infinity };
  if (!(event.key in steps) || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  move(current + steps[event.key]);
});

// The records of an image's sheet are loaded when it is opened. A page from disk cannot fetch.
const loaded = new Map(), waiting = new Map();
window.galleryRecords = (number, records) => waiting.get(number)(records);

function records(number) {
  if (!loaded.has(number)) {
    const inline = $(`records-${number}`);
    loaded.set(number, inline ? Promise.resolve(JSON.parse(inline.textContent))
      : new Promise((resolve, reject) => {
        waiting.set(number, resolve);
        const script = document.createElement("script");
        script.src = `records/${String(number).padStart(4, "0")}.js`;
        script.onerror = () => reject(new Error(`${script.getAttribute("src")} is missing`));
        document.head.appendChild(script);
      }));
  }
  return loaded.get(number);
}

let opened = null;

async function open(position) {
  const image = shown[position];
  opened = current = position;
  $("name").textContent = image.name;
  $("previous").disabled = position === 0;
  $("next").disabled = position === shown.length - 1;
  paint($("frame"), image.place);
  $("note").textContent = "";
  $("large").hidden = data.root === null;
  if (data.root === null) thumbnailOnly("This file holds thumbnails only.");
  else {
    $("frame").removeAttribute("role");
    $("large").alt = described(image);
    $("large").src = data.root + image.file;
  }
  if (!view.open) view.showModal();
  history.replaceState(null, "", `#${image.family}/${image.index}`);
  let record;
  try {
    record = (await records(Math.floor(image.place / PER_SHEET)))[image.place % PER_SHEET];
  } catch (error) {
    record = { params: `Cannot be shown: ${error.message}.` };
  }
  if (opened === position) fill(image, record);
}

function thumbnailOnly(reason) {
  $("large").hidden = true;
  $("frame").setAttribute("role", "img");
  $("frame").setAttribute("aria-label", described(shown[opened]));
  $("note").textContent = reason;
}

function fill(image, record) {
  const facts = { File: image.file, Size: record.size && `${record.size} px`, Seed: record.seed,
    Attempt: record.attempt, Palette: paletteNames(image),
    "Collected from": record.origin && Object.values(record.origin).join(" in ") };
  $("facts").replaceChildren(...Object.entries(facts).filter(([, value]) => value !== undefined)
    .flatMap(([name, value]) => [made("dt", name), made("dd", value)]));
  $("redraw").hidden = $("params-title").hidden = $("params").hidden = Boolean(record.origin);
  $("params").textContent = record.params ?? "";
  $("params").scrollTop = 0;
  $("colors").replaceChildren(...(record.colors ?? []).map(([where, name, colors]) => {
    const row = made("div", "");
    row.className = "swatches";
    const strip = row.appendChild(made("span", ""));
    strip.append(...colors.map(color => {
      const swatch = made("i", "");
      swatch.style.background = swatch.title = color;
      return swatch;
    }));
    row.append(made("span", `${where}: ${name}`));
    return row;
  }));
  command();
}

function made(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

function command() {
  const file = shown[opened]?.file;
  $("command").textContent = `fractalgen render ${data.command}/${file} --size ${$("size").value}`;
}

$("large").addEventListener("error", () =>
  thumbnailOnly(`The set is not at ${data.root}: only the thumbnail can be shown.`));
$("large").addEventListener("load", () => { $("frame").style.backgroundImage = "none"; });
$("size").addEventListener("input", command);
$("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText($("command").textContent);
    $("copy").textContent = "Copied";
    setTimeout(() => { $("copy").textContent = "Copy"; }, 1500);
  } catch {
    getSelection().selectAllChildren($("command"));
  }
});
const step = by => { if (shown[opened + by]) open(opened + by); };
$("previous").addEventListener("click", () => step(-1));
$("next").addEventListener("click", () => step(1));
$("close").addEventListener("click", () => view.close());
view.addEventListener("click", event => { if (event.target === view) view.close(); });
view.addEventListener("keydown", event => {
  if (event.target.id === "size" || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
    event.preventDefault();
    step(event.key === "ArrowLeft" ? -1 : 1);
  }
});
view.addEventListener("close", () => {
  opened = null;
  history.replaceState(null, "", "#");
  move(current);
});

document.addEventListener("keydown", event => {
  if (event.key !== "/" || view.open || /INPUT|SELECT/.test(event.target.tagName)) return;
  event.preventDefault();
  $("index").focus();
});

function openFromAddress() {
  const [, family, index] = location.hash.match(/^#([a-z0-9-]+)\/(\d+)$/) ?? [];
  const position = shown.findIndex(one => one.family === family && one.index === Number(index));
  if (position >= 0 && position !== opened) open(position);
}

const tally = new Map(), used = data.palettes.map(() => 0);
for (const image of images) {
  tally.set(image.family, (tally.get(image.family) ?? 0) + 1);
  for (const number of image.palettes) used[number]++;
}
options($("family"), "All families", [...tally].map(([name, number]) => [name, name, number]));
options($("palette"), "All palettes", data.palettes.map((name, i) => [name, i, used[i]]));

function reset() {
  $("filters").reset();
  chosen.hue = chosen.complexity = null;
  filter();
}

$("filters").addEventListener("input", filter);
$("filters").addEventListener("submit", event => event.preventDefault());
$("reset").addEventListener("click", reset);
$("again").addEventListener("click", reset);
let drawing = false;
addEventListener("scroll", () => {
  if (!drawing) requestAnimationFrame(() => { drawing = false; draw(); });
  drawing = true;
}, { passive: true });
new ResizeObserver(() => { if (grid.clientWidth) lay(); }).observe(document.body);
addEventListener("hashchange", openFromAddress);
filter();
openFromAddress();
