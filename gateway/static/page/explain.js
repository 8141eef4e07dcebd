// Why that class? The heatmap over the picture, drawn here: sliders and colours don't ask the service again.

import * as api from "./api.js";
import { el, percent } from "./dom.js";

// The service's own colours (gateway/heatmaps.py), at equal steps from cold to hot.
const COLOURS = {
  turbo: [[48, 18, 59], [70, 98, 215], [53, 171, 248], [27, 229, 181], [116, 254, 93], [201, 239, 52], [251, 185, 56], [245, 105, 24], [201, 41, 3], [122, 4, 3]],
  viridis: [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]],
  magma: [[0, 0, 4], [81, 18, 124], [183, 55, 121], [252, 137, 97], [252, 253, 191]],
  grey: [[0, 0, 0], [255, 255, 255]],
};
const MAX_SIDE = 1600;
const HEAT_SIDE = 256;

/** How an explanation is looked at before the reader changes anything. */
export const asFirst = (label) => ({ label, colours: "turbo", strength: 0.6, threshold: 0 });

/**
 * The controls of an explanation, and the canvas that they draw on.
 *
 * @param item has the picture (`blob`, and `source` to send), `answer`, `look` (see asFirst) and `grids`, the answers of /explain by class.
 * @param changed is called when the reader has changed the look.
 * @param signal ends what is asked when the item goes.
 */
export function explanation(item, changed, signal) {
  const canvas = el("canvas", { role: "img" });
  const { look } = item;
  const wrong = el("div", { role: "alert" });
  const said = el("p", { className: "small faint", role: "status" });
  let asked = 0;
  let picture = null;

  const paint = () => {
    const grid = item.grids[look.label];
    if (!picture) return;
    draw(canvas, picture, grid, look);
    canvas.ariaLabel = grid ? `${item.name}, with what speaks for ${look.label} in colours` : item.name;
  };

  const ask = async () => {
    const turn = ++asked;
    wrong.replaceChildren();
    picture ??= await upright(item.blob);
    paint();
    if (!item.grids[look.label]) {
      said.textContent = `Asking what speaks for ${look.label}…`;
      try {
        const model = { model: item.answer.model, version: item.answer.version };
        item.grids[look.label] = await api.explain(item.source, look.label, model, signal);
      } catch (error) {
        if (error.name === "AbortError" || turn !== asked) return;
        said.textContent = "";
        wrong.replaceChildren(complaint(error, ask));
        return;
      }
      changed();
    }
    if (turn !== asked) return;
    said.textContent = inWords(item.grids[look.label], look.label);
    paint();
  };

  const knob = (name, value, of) => {
    const shown = el("span", { ariaHidden: "true" });
    const range = el("input", { type: "range", min: 0, max: 1, step: 0.01, value, ariaLabel: name });
    const tell = () => (shown.textContent = range.ariaValueText = percent(look[of]));
    tell();
    range.oninput = () => {
      look[of] = Number(range.value);
      tell();
      paint();
    };
    range.onchange = changed;
    return el("label", { className: "field" }, el("span", {}, `${name} `, shown), range);
  };
  const choice = (name, values, value, chosen) => {
    const select = el("select", { "aria-label": name }, ...values.map((one) => el("option", { value: one, selected: one === value }, one)));
    select.onchange = () => {
      chosen(select.value);
      changed();
    };
    return el("label", { className: "field" }, el("span", {}, name), select);
  };

  const save = el("button", { type: "button", className: "quiet small" }, "Save the picture");
  save.onclick = () => canvas.toBlob((blob) => download(blob, `${item.name.replace(/\.\w+$/, "")}-${look.label}.png`), "image/png");
  const controls = el("div", { className: "explanation" },
    el("div", { className: "knobs" },
      choice("What speaks for", Object.keys(item.answer.probabilities), look.label, (label) => {
        look.label = label;
        ask();
      }),
      choice("Colours", Object.keys(COLOURS), look.colours, (colours) => {
        look.colours = colours;
        paint();
      }),
      knob("Strength", look.strength, "strength"),
      knob("Hide below", look.threshold, "threshold"),
    ),
    wrong,
    el("div", { className: "row" }, save, said),
  );
  ask();
  return { canvas, controls };
}

/** An error in words, with what to do, and a way to try again. */
export function complaint(problem, again = null) {
  const text = [problem.message, problem.advice].filter(Boolean).join(" ");
  return el("div", { className: "notice bad" },
    el("p", {}, text),
    again && el("button", { type: "button", className: "quiet small", onclick: again }, "Try again"),
  );
}

/** The picture as it is looked at, not larger than what a canvas shows well. */
async function upright(blob) {
  const bitmap = await createImageBitmap(blob, { imageOrientation: "from-image" });
  const by = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
  if (by === 1) return bitmap;
  const size = { resizeWidth: Math.max(1, Math.round(by * bitmap.width)), resizeHeight: Math.max(1, Math.round(by * bitmap.height)) };
  return createImageBitmap(bitmap, { ...size, resizeQuality: "high" });
}

function draw(canvas, picture, grid, { colours, strength, threshold }) {
  Object.assign(canvas, { width: picture.width, height: picture.height });
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0);
  if (!grid) return;
  const { left, top, right, bottom } = grid.area;
  const heat = heatOf(grid.heatmap, COLOURS[colours], strength, threshold);
  context.imageSmoothingQuality = "high";
  context.drawImage(heat, left * canvas.width, top * canvas.height, (right - left) * canvas.width, (bottom - top) * canvas.height);
}

/** The grid, smooth, in colours: the hotter the less clear, and clear below the threshold. */
function heatOf(grid, colours, strength, threshold) {
  const canvas = Object.assign(document.createElement("canvas"), { width: HEAT_SIDE, height: HEAT_SIDE });
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(HEAT_SIDE, HEAT_SIDE);
  for (let y = 0, at = 0; y < HEAT_SIDE; y++) {
    for (let x = 0; x < HEAT_SIDE; x++, at += 4) {
      const heat = between(grid, (x + 0.5) / HEAT_SIDE, (y + 0.5) / HEAT_SIDE);
      const place = heat * (colours.length - 1);
      const below = Math.min(Math.floor(place), colours.length - 2);
      for (let channel = 0; channel < 3; channel++) {
        pixels.data[at + channel] = mixed(colours[below][channel], colours[below + 1][channel], place - below);
      }
      pixels.data[at + 3] = heat < threshold ? 0 : 255 * strength * heat;
    }
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

const mixed = (one, other, share) => one + (other - one) * share;

/** The grid's value at a place, mixed from the four cells around it. */
function between(grid, across, down) {
  const [row, below, downShare] = around(down, grid.length);
  const [column, beside, acrossShare] = around(across, grid[0].length);
  const upper = mixed(grid[row][column], grid[row][beside], acrossShare);
  return mixed(upper, mixed(grid[below][column], grid[below][beside], acrossShare), downShare);
}

function around(share, cells) {
  const place = Math.min(Math.max(share * cells - 0.5, 0), cells - 1);
  const first = Math.floor(place);
  return [first, Math.min(first + 1, cells - 1), place - first];
}

const ROWS = ["upper", "middle", "lower"];
const COLUMNS = ["left", "centre", "right"];

/** Where the hottest place is, for those who don't see it. */
function inWords({ heatmap }, label) {
  let [hottest, row, column] = [0, 0, 0];
  heatmap.forEach((cells, y) => cells.forEach((heat, x) => {
    if (heat > hottest) [hottest, row, column] = [heat, y, x];
  }));
  if (!hottest) return `Nothing in the picture speaks for ${label}.`;
  const third = (place, cells) => Math.min(2, Math.floor((3 * (place + 0.5)) / cells));
  return `What speaks most for ${label} is at the ${ROWS[third(row, heatmap.length)]} ${COLUMNS[third(column, heatmap[0].length)]}.`;
}

function download(blob, name) {
  const link = el("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
