// The service's API, as promises. Errors come as Problem, with a sentence for people.

const base = document.querySelector('meta[name="api"]')?.content.replace(/\/$/, "") ?? "";

/** Where something of the API is, given its path. */
export const address = (path) => (base ? base + path : path.replace(/^\//, "") || "./");

/** What the API refused, or that it didn't answer. `advice` says what to do. */
export class Problem extends Error {
  constructor(code, detail, status, retryAfterS = 0) {
    super(detail);
    this.code = code;
    this.status = status;
    this.retryAfterS = retryAfterS;
  }

  /** What the reader can do about it. */
  get advice() {
    return ADVICE[this.code] ?? (this.status >= 500 ? "Try again in a moment." : "");
  }

  /** Whether the same request may succeed later. */
  get mayPass() {
    return this.status === 0 || this.status === 429 || this.status >= 500 || this.code === "body_too_slow";
  }
}

const ADVICE = {
  image_unreachable:
    "Only public web addresses can be fetched. Open the address in a browser; or save the picture and choose the file.",
  image_unreadable:
    "Choose a JPEG, PNG, GIF, WebP or AVIF picture. A picture that was cut short on its way can be sent again.",
  image_too_large: "Make it smaller, or save it with fewer pixels.",
  overloaded: "The service is busy. Try again in a moment.",
  model_unavailable: "The model server is away. Try again when it is back; nothing of yours is lost.",
  model_timeout: "The model took too long. Try again.",
  history_unavailable: "The history is away for now. Try again in a moment.",
  history_off: "Whoever runs this service has switched the history off.",
  not_explainable: "Choose another model to see an explanation.",
  unreachable: "Check the connection, then try again.",
};

/** What is said when nothing can be asked for. */
export const AWAY = new Problem("unreachable", "The service doesn't answer.", 0);

/** What can be said of a problem. */
export const sentence = ({ message, advice }, more) => [message, advice, more].filter(Boolean).join(" ");

/** Ask the API; the Response, or a Problem is thrown. */
export async function ask(path, { method = "GET", body, accept = "application/json", signal, keepalive } = {}) {
  const headers = { Accept: accept };
  if (body !== undefined && !(body instanceof FormData)) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(address(path), { method, headers, body, signal, keepalive });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw AWAY;
  }
  if (response.ok) return response;
  const told = await response.json().catch(() => ({}));
  const retryAfterS = Number(response.headers.get("Retry-After")) || 0;
  const detail = told.detail ?? `The service answered ${response.status}.`;
  throw new Problem(told.code ?? "unknown", detail, response.status, retryAfterS);
}

/** Ask the API for JSON. */
export async function json(path, options) {
  const response = await ask(path, options);
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("unreachable", "The service's answer broke off.", 0);
  }
}

/** A query from an object; empty values are left out. */
export function query(values) {
  const wanted = Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return wanted.length ? `?${new URLSearchParams(wanted)}` : "";
}

/** A picture as the API takes it: a File in a form, or the address of one. */
function picture(source) {
  if (typeof source === "string") return { url: source };
  const form = new FormData();
  form.append("file", source, source.name || "pasted");
  return form;
}

/** Predict; `chosen` is { model, version }. Of a picture that only has an address, the service tells how it looks. */
export function predict(source, chosen, signal) {
  const asked = { ...chosen, picture: typeof source === "string" ? true : null };
  return json(`/predictions${query(asked)}`, { method: "POST", body: picture(source), signal });
}

/** What speaks for a class: the grid, and where it lies. */
export const explain = (source, label, chosen, signal) =>
  json(`/explain${query({ class: label, ...chosen })}`, { method: "POST", body: picture(source), signal });

export const models = (signal) => json("/models", { signal });
export const card = (name, version, signal) =>
  json(`/models/${encodeURIComponent(name)}${query({ version })}`, { signal });
export const classes = async (chosen) => (await json(`/classes${query(chosen)}`)).classes;
export const correct = (id, label) => json(`/predictions/${id}`, { method: "PATCH", body: { true_label: label } });
export const remove = (id, keepalive = false) => ask(`/predictions/${id}`, { method: "DELETE", keepalive });
export const removeAll = () => json("/predictions", { method: "DELETE" });
export const statistics = (filters, signal) => json(`/stats${query(filters)}`, { signal });
