// Which pictures are in a folder that was dropped, and in the folders in it?

const PICTURES = /\.(jpe?g|png|gif|webp|avif)$/i;
const MAX_FOUND = 1000;
const MAX_SEEN = 10_000;

/**
 * The pictures by their files' names, sorted by path: at most MAX_FOUND, among the first MAX_SEEN entries.
 *
 * @param folder a FileSystemDirectoryEntry; one outlives the drop that brought it.
 * @returns a promise of Files, which fails with a DOMException where something can't be read.
 */
export async function picturesIn(folder) {
  const folders = [folder], found = [];
  let seen = 0;
  while (folders.length && seen < MAX_SEEN) {
    for await (const entry of entriesOf(folders.shift())) {
      if (++seen > MAX_SEEN) break;
      if (entry.isDirectory) folders.push(entry);
      else if (PICTURES.test(entry.name)) found.push(entry);
    }
  }
  found.sort((a, b) => (a.fullPath < b.fullPath ? -1 : 1));
  return Promise.all(found.slice(0, MAX_FOUND).map((entry) => new Promise((got, lost) => entry.file(got, lost))));
}

/** They come in parts, of a hundred in Chromium; an empty part is the last. */
async function* entriesOf(folder) {
  const reader = folder.createReader();
  const part = () => new Promise((got, lost) => reader.readEntries(got, lost));
  for (let entries = await part(); entries.length; entries = await part()) yield* entries;
}
