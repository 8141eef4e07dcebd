// The heatmap over a picture: the service's grid, smooth and in colours.

// The service's own colours (gateway/heatmaps.py), at equal steps from cold to hot.
export const COLOURS = {
  turbo: [
    [48, 18, 59], [70, 98, 215], [53, 171, 248], [27, 229, 181], [116, 254, 93],
    [201, 239, 52], [251, 185, 56], [245, 105, 24], [201, 41, 3], [122, 4, 3],
  ],
  viridis: [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]],
  magma: [[0, 0, 4], [81, 18, 124], [183, 55, 121], [252, 137, 97], [252, 253, 191]],
  grey: [[0, 0, 0], [255, 255, 255]],
};
const MAX_SIDE = 1600;
const HEAT_SIDE = 256;

/** The picture as it is looked at, not larger than what a canvas shows well. */
export async function upright(blob) {
  const bitmap = await createImageBitmap(blob, { imageOrientation: "from-image" });
  const by = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
  if (by === 1) return bitmap;
  const [resizeWidth, resizeHeight] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(by * side)));
  return createImageBitmap(bitmap, { resizeWidth, resizeHeight, resizeQuality: "high" });
}

/** Draw the picture and, where there is a grid, its heat. */
export function draw(canvas, picture, grid, { colours, strength, threshold }) {
  Object.assign(canvas, { width: picture.width, height: picture.height });
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0);
  if (!grid) return;
  const { left, top, right, bottom } = grid.area;
  const { width, height } = canvas;
  const heat = heatOf(grid.heatmap, COLOURS[colours], strength, threshold);
  context.imageSmoothingQuality = "high";
  context.drawImage(heat, left * width, top * height, (right - left) * width, (bottom - top) * height);
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
export function inWords({ heatmap }, label) {
  let [hottest, row, column] = [0, 0, 0];
  heatmap.forEach((cells, y) => cells.forEach((heat, x) => {
    if (heat > hottest) [hottest, row, column] = [heat, y, x];
  }));
  if (!hottest) return `Nothing in the picture speaks for ${label}.`;
  const third = (place, cells) => Math.min(2, Math.floor((3 * (place + 0.5)) / cells));
  const place = `${ROWS[third(row, heatmap.length)]} ${COLUMNS[third(column, heatmap[0].length)]}`;
  return `What speaks most for ${label} is at the ${place}.`;
}
