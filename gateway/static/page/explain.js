// Why that class? The heatmap over the picture, drawn here: sliders and colours don't ask the service again.

import * as api from "./api.js";
import { complaint } from "./answer.js";
import { button, el, percent } from "./dom.js";
import { COLOURS, draw, inWords, upright } from "./heat.js";

/**
 * The controls of an explanation, and the canvas that they draw on.
 *
 * @param item has the picture (`blob`, and `source` to send), its `answer`, the `look` (see asFirst) and `grids`, the
 *   answers of /explain by class.
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
    const options = values.map((one) => el("option", { value: one, selected: one === value }, one));
    const select = el("select", { ariaLabel: name }, options);
    select.onchange = () => {
      chosen(select.value);
      changed();
    };
    return el("label", { className: "field" }, el("span", {}, name), select);
  };

  const filename = () => `${item.name.replace(/\.\w+$/, "")}-${look.label}.png`;
  const save = button("Save the picture", () => canvas.toBlob((blob) => download(blob, filename()), "image/png"));
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

function download(blob, name) {
  const link = el("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
