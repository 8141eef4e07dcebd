// One picture's answer, from a service that may be busy or take no picture as large as this.

import * as api from "./api.js";
import { chosen } from "./chosen.js";

const PATIENCE = 3; // how often a busy service is asked again
const LARGE_BYTES = 2 ** 20; // above it the service's limit is looked up

let limit = null;

/** The service's answer, and the picture if the service had to fetch it; a busy one is asked again when it says so. */
export async function answered(source, signal) {
  await checked(source, signal);
  for (let tries = 1; ; tries++) {
    try {
      const { picture, ...answer } = await api.predict(source, chosen(), signal);
      return { answer, picture: picture ? blobOf(picture) : null };
    } catch (error) {
      const busy = error.code === "overloaded" || error.status === 429;
      if (!busy || tries > PATIENCE) throw error;
      await waited(1000 * Math.min(Math.max(error.retryAfterS, 1), 10), signal);
    }
  }
}

/** A service that refuses a large body may hang up before it is sent, and then nobody hears why. */
async function checked(source, signal) {
  if (typeof source === "string" || source.size <= LARGE_BYTES) return;
  limit ??= (await api.json("/", { signal })).limits.max_upload_bytes;
  if (source.size <= limit) return;
  const detail = `The picture has ${megabytes(source.size)}; up to ${megabytes(limit)} are taken.`;
  throw new api.Problem("image_too_large", detail, 413);
}

const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MB`;

/** What a data URL holds; the page's policy forbids fetching it. */
function blobOf(url) {
  const [head, packed] = url.split(",");
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  return new Blob([bytes], { type: head.slice(5).split(";")[0] });
}

function waited(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("cancelled", "AbortError"));
    }, { once: true });
  });
}
