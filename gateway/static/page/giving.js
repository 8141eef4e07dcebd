// The ways in: pictures are chosen, photographed, dropped, pasted, given by address, or taken from the samples.

import * as api from "./api.js";
import { at, el } from "./dom.js";
import { add, refuse } from "./queue.js";

/** Listen for pictures, on whichever view they come. */
export function giveWays() {
  byFile();
  byAddress();
  byDrop();
  document.addEventListener("paste", (event) => {
    if (!event.target.closest?.("input, textarea, select")) brought(event.clipboardData);
  });
  bySample();
}

function byFile() {
  const files = at("files");
  for (const input of [files, at("camera")]) {
    input.onchange = () => {
      add([...input.files]);
      input.value = "";
    };
  }
  at("by-file").onsubmit = (event) => {
    event.preventDefault();
    files.click(); // what was chosen is here already
  };
  files.multiple = true;
  files.required = false;
  if (files.files.length) files.onchange(); // somebody was faster than this script
}

function byAddress() {
  const [form, url, wrong] = [at("by-url"), at("url"), at("url-wrong")];
  url.type = "text"; // an address without https:// is taken, too
  url.inputMode = "url";
  url.oninput = () => {
    wrong.textContent = "";
    url.ariaInvalid = null;
  };
  form.noValidate = true;
  form.onsubmit = (event) => {
    event.preventDefault();
    const address = webAddress(url.value);
    if (address) {
      url.value = "";
      return add([address]);
    }
    wrong.textContent =
      "That is no web address. It begins with https:// or http://, as in https://example.com/picture.jpg.";
    url.ariaInvalid = "true";
    url.focus();
  };
}

/** What was typed, as an address that can be fetched; null if it is none. */
function webAddress(text) {
  const typed = text.trim();
  const whole = /^[a-z][a-z0-9+.-]*:/i.test(typed) && !/^[^/]+:\d/.test(typed) ? typed : `https://${typed}`;
  const url = URL.canParse(whole) ? new URL(whole) : null;
  return url && /^https?:$/.test(url.protocol) && /[.:]|^localhost$/.test(url.hostname) ? url.href : null;
}

function byDrop() {
  const carries = ({ dataTransfer }) =>
    (dataTransfer?.types ?? []).some((type) => type === "Files" || type === "text/uri-list");
  let depth = 0; // a child's leave comes after its sibling's enter
  const over = (by) => at("drop").classList.toggle("over", (depth = Math.max(0, depth + by)) > 0);
  document.addEventListener("dragenter", (event) => carries(event) && over(1));
  document.addEventListener("dragleave", (event) => carries(event) && over(-1));
  document.addEventListener("dragover", (event) => carries(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    over(-depth);
    brought(event.dataTransfer);
  });
}

/** Files and what is in folders, or else addresses, on whichever view. */
function brought(transfer) {
  const entries = [...transfer.items].map((one) => one.webkitGetAsEntry?.());
  const folders = entries.filter((entry) => entry?.isDirectory);
  const names = new Set(folders.map(({ name }) => name));
  const pictures = [...transfer.files].filter(({ name }) => !names.has(name));
  if (pictures.length) show(pictures);
  folders.forEach(unpack);
  if (pictures.length || folders.length) return;
  const lines = (transfer.getData("text/uri-list") || transfer.getData("text/plain")).split(/\r?\n/);
  const addresses = lines.filter((line) => /^https?:/i.test(line)).map(webAddress).filter(Boolean);
  if (addresses.length) show(addresses);
}

async function unpack(folder) {
  let pictures = [];
  toThisView();
  try {
    const { picturesIn } = await import("./folders.js");
    pictures = await picturesIn(folder);
  } catch {
    return refuse(folder.name, "The folder can't be read.", "Drop the pictures in it.");
  }
  if (pictures.length) show(pictures);
  else refuse(folder.name, "There is no picture in that folder.", "JPEG, PNG, GIF, WebP and AVIF are read.");
}

function show(sources) {
  toThisView();
  add(sources);
}

function toThisView() {
  if (at("classify").hidden) location.hash = "#/";
}

async function bySample() {
  const place = at("samples");
  const one = (name) => {
    const image = el("img", { src: api.address(`/samples/${name}/small`), alt: "", width: 240, height: 180 });
    const title = el("span", {}, name.replace(/\.\w+$/, ""));
    return el("li", {}, el("button", { type: "button", onclick: () => take(name) }, image, title));
  };
  try {
    const { samples } = await api.json("/samples");
    place.hidden = !samples.length;
    place.querySelector("ul").replaceChildren(...samples.map(one));
  } catch {
    place.hidden = true;
  }
}

async function take(name) {
  try {
    const blob = await (await api.ask(`/samples/${name}`, { accept: "image/*" })).blob();
    add([new File([blob], name, { type: blob.type })]);
  } catch (problem) {
    refuse(name, problem.message, problem.advice);
  }
}
