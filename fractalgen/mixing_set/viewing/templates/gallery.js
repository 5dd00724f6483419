"use strict";
const $ = id => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const grid = $("grid"), view = $("view");
const GAP = 6, SPARE_ROWS = 3, PER_SHEET = data.side ** 2;

// One object per image, in the order of the sheets.
const images = [];
for (const [family, extension, first, n] of data.runs) {
  for (let index = first; index < first + n; index++) {
    const place = images.length, digits = String(index).padStart(6, "0");
    images.push({
      place, family, index, file: `${family}/${digits}.${extension}`, name: `${family} ${digits}`,
      palettes: data.palettes[place], hue: data.hue[place], complexity: data.complexity[place],
    });
  }
}

const counted = number => `${number.toLocaleString("en")} image${number === 1 ? "" : "s"}`;
const paletteOf = image => image.palettes.map(number => data.paletteNames[number]).join(", ");
const hues = [...document.querySelectorAll("[data-key=hue] button")].map(bar => bar.dataset.name);
const described = image =>
  `${image.name}, mostly ${hues[image.hue]}, palette: ${paletteOf(image)}`;

// Filters. A histogram counts what the other filters leave.
const chosen = { hue: null, complexity: null };
let shown = images;

function filter() {
  const family = $("family").value, palette = $("palette").value, index = $("index").value.trim();
  const [, low = NaN, high = low] = index.match(/^(\d+)(?:\s*-\s*(\d+))?$/) ?? [];
  const left = images.filter(image => (!family || image.family === family)
    && (!palette || image.palettes.includes(Number(palette)))
    && (!index || (image.index >= low && image.index <= high)));
  const within = key => image => chosen[key] === null || image[key] === chosen[key];
  shown = left.filter(within("hue")).filter(within("complexity"));
  histogram("hue", left.filter(within("complexity")));
  histogram("complexity", left.filter(within("hue")));
  const all = shown.length === images.length;
  $("count").textContent =
    all ? counted(shown.length) : `${shown.length.toLocaleString("en")} of ${counted(images.length)}`;
  $("nothing").hidden = shown.length > 0;
  $("clear").disabled = all;
  const top = grid.getBoundingClientRect().top + scrollY - $("filters").offsetHeight;
  if (scrollY > top) scrollTo(0, top);
  current = 0;
  lay();
}

function histogram(key, counting) {
  const bars = [...document.querySelectorAll(`[data-key=${key}] button`)];
  const counts = bars.map(() => 0);
  for (const image of counting) counts[image[key]]++;
  const most = Math.max(1, ...counts);
  bars.forEach((bar, bin) => {
    bar.title = `${bar.dataset.name}: ${counted(counts[bin])}`;
    bar.setAttribute("aria-label", bar.title);
    bar.setAttribute("aria-pressed", chosen[key] === bin);
    bar.classList.toggle("unchosen", chosen[key] !== null && chosen[key] !== bin);
    bar.disabled = counts[bin] === 0 && chosen[key] !== bin;
    bar.firstChild.style.height = `${counts[bin] && Math.max(2, 100 * counts[bin] / most)}%`;
    bar.onclick = () => {
      chosen[key] = chosen[key] === bin ? null : bin;
      filter();
    };
  });
}

$("filters").addEventListener("input", filter);
$("filters").addEventListener("submit", event => event.preventDefault());
$("clear").addEventListener("click", () => {
  $("filters").reset();
  chosen.hue = chosen.complexity = null;
  filter();
});

// The grid holds only the rows in view. Their thumbnails are parts of sheets.
let columns = 1, side = data.tile, laidWidth = 0, current = 0;
const cells = new Map();

function lay() {
  const focused = grid.contains(document.activeElement);
  laidWidth = grid.clientWidth;
  columns = Math.max(3, Math.round((laidWidth + GAP) / (data.tile + GAP)));
  side = (laidWidth - GAP * (columns - 1)) / columns;
  grid.style.height = `${Math.ceil(shown.length / columns) * (side + GAP)}px`;
  grid.replaceChildren();
  cells.clear();
  draw();
  if (focused) move(current);
}

function draw() {
  const row = side + GAP, top = -grid.getBoundingClientRect().top;
  const first = Math.max(0, Math.floor(top / row) - SPARE_ROWS) * columns;
  const rows = Math.ceil((top + innerHeight) / row) + SPARE_ROWS;
  const last = Math.min(shown.length, rows * columns);
  for (const [position, cell] of cells) {
    if ((position < first || position >= last) && cell !== document.activeElement) {
      cell.remove();
      cells.delete(position);
    }
  }
  for (let position = first; position < last; position++) {
    if (!cells.has(position)) cells.set(position, grid.appendChild(newCell(position)));
  }
  // Tab leads to one image; the arrow keys lead to the others.
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
  const within = place % PER_SHEET, gaps = data.side - 1;
  const x = within % data.side / gaps, y = Math.floor(within / data.side) / gaps;
  element.style.backgroundImage = `url("${sheetUrl(Math.floor(place / PER_SHEET))}")`;
  element.style.backgroundSize = `${data.side * 100}%`;
  element.style.backgroundPosition = `${x * 100}% ${y * 100}%`;
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

const modified = event => event.ctrlKey || event.altKey || event.metaKey;

grid.addEventListener("keydown", event => {
  const page = Math.max(1, Math.floor((innerHeight - 100) / (side + GAP))) * columns;
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns,
    PageUp: -page, PageDown: page, Home: -Infinity, End: Infinity };
  if (!(event.key in steps) || modified(event)) return;
  event.preventDefault();
  move(current + steps[event.key]);
});

document.addEventListener("keydown", event => {
  if (event.key !== "/" || view.open || /INPUT|SELECT/.test(event.target.tagName)) return;
  event.preventDefault();
  $("index").focus();
});

// The records of a sheet are loaded when one of its images is opened. A page cannot fetch a file
// from disk, but can run it.
const loading = new Map(), arrived = new Map();
window.galleryRecords = (number, records) => arrived.set(number, records);

function recordsOf(number) {
  const inline = $(`records-${number}`);
  if (inline) return JSON.parse(inline.textContent);
  if (!loading.has(number)) {
    loading.set(number, new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = `records/${String(number).padStart(4, "0")}.js`;
      script.onload = () => resolve(arrived.get(number));
      script.onerror = () => reject(new Error(`${script.getAttribute("src")} is missing`));
      document.head.append(script);
    }));
  }
  return loading.get(number);
}

// The large view.
let opened = null;

async function open(position) {
  const image = shown[position];
  opened = current = position;
  $("name").textContent = image.name;
  $("previous").setAttribute("aria-disabled", position === 0);
  $("next").setAttribute("aria-disabled", position === shown.length - 1);
  $("note").textContent = "";
  $("frame").removeAttribute("role");
  paint($("frame"), image.place);
  $("large").hidden = false;
  $("large").alt = described(image);
  if (data.root === null) showThumbnail("This file holds thumbnails only.");
  else $("large").src = data.root + image.file;
  if (!view.open) { view.showModal(); $("next").focus(); }
  view.scrollTop = 0;
  history.replaceState(null, "", `#${image.family}/${image.index}`);
  let record;
  try {
    record = (await recordsOf(Math.floor(image.place / PER_SHEET)))[image.place % PER_SHEET];
  } catch (error) {
    record = { params: `They cannot be shown: ${error.message}.` };
  }
  if (opened === position) describe(image, record);
}

function showThumbnail(reason) {
  $("large").hidden = true;
  $("frame").setAttribute("role", "img");
  $("frame").setAttribute("aria-label", $("large").alt);
  $("note").textContent = reason;
}

function describe(image, record) {
  const facts = { File: image.file, Size: record.size, Seed: record.seed, Attempt: record.attempt,
    Palette: paletteOf(image), Origin: record.origin };
  $("facts").replaceChildren(...Object.entries(facts).filter(([, text]) => text !== undefined)
    .flatMap(([name, text]) => [element("dt", name), element("dd", text)]));
  $("colors").replaceChildren(...(record.colors ?? []).map(([where, name, colors]) => {
    const strip = element("span"), row = element("div");
    for (const color of colors) strip.appendChild(element("i")).style.background = color;
    row.append(strip, element("span", `${where}: ${name}`));
    return row;
  }));
  $("redraw").hidden = $("recorded").hidden = record.origin !== undefined;
  $("params").textContent = record.params;
  showCommand();
}

function element(tag, text = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

function showCommand() {
  const path = `${data.command}/${shown[opened].file}`;
  $("command").textContent = `fractalgen render ${path} --size ${$("size").value}`;
}

function step(by) {
  if (shown[opened + by]) open(opened + by);
}

$("large").addEventListener("error", () =>
  showThumbnail(`The image is not at ${data.root}, so only its thumbnail can be shown.`));
$("large").addEventListener("load", () => { $("frame").style.backgroundImage = "none"; });
$("size").addEventListener("input", showCommand);
$("copy").addEventListener("click", async () => {
  getSelection().selectAllChildren($("command"));
  await navigator.clipboard?.writeText($("command").textContent).catch(() => {});
});
$("previous").addEventListener("click", () => step(-1));
$("next").addEventListener("click", () => step(1));
$("close").addEventListener("click", () => view.close());
view.addEventListener("click", event => { if (event.target === view) view.close(); });
view.addEventListener("keydown", event => {
  const steps = { ArrowLeft: -1, ArrowRight: 1 };
  if (event.key in steps && event.target.id !== "size" && !modified(event)) step(steps[event.key]);
});
view.addEventListener("close", () => {
  const position = opened;  // the browser has given the focus back to the image opened first
  opened = null;
  history.replaceState(null, "", "#");
  move(position);
});

function openFromAddress() {
  const [, family, index] = location.hash.match(/^#([a-z0-9-]+)\/(\d+)$/) ?? [];
  const position = shown.findIndex(one => one.family === family && one.index === Number(index));
  if (position >= 0 && position !== opened) open(position);
}

let waiting = false;
addEventListener("scroll", () => {
  if (!waiting) requestAnimationFrame(() => { waiting = false; draw(); });
  waiting = true;
}, { passive: true });
new ResizeObserver(() => { if (grid.clientWidth !== laidWidth) lay(); }).observe(grid);
addEventListener("resize", draw);
addEventListener("hashchange", openFromAddress);
filter();
openFromAddress();
