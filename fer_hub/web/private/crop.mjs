// Cutting faces out of a photo as fer_hub.images.crop and fer_hub.detection.framing do, in Pillow's arithmetic.
// An image here is {width, height, bands}: one Uint8Array for each of red, green and blue.
import { resize } from "./fer.mjs";

const GAP = 3; // Pillow's reducing_gap in fer_hub.images.crop
const SMALL = 512; // sides up to this many pixels are turned at twice the size
const MOST_PADDING = 4; // in areas of the photo

// The square around a face that the network was trained on. face: {box: [x0, y0, x1, y1], angle in degrees clockwise};
// framing: {scale, raise} of config.json.
export function frame({ box, angle }, { scale, raise }) {
  const [x0, y0, x1, y1] = box;
  const rise = raise * (y1 - y0), turn = (angle * Math.PI) / 180, half = (scale * (x1 - x0)) / 2;
  const x = (x0 + x1) / 2 + rise * Math.sin(turn), y = (y0 + y1) / 2 - rise * Math.cos(turn);
  return [x - half, y - half, x + half, y + half];
}

// The box of a photo as `size` x `size` pixels, turned upright. photo: {width, height, region(left, top, right, bottom)
// → image}; what lies outside repeats its edges.
export function crop(photo, box, size, angle = 0) {
  if (angle) return turnedCrop(photo, box, size, angle);
  const [x0, y0, x1, y1] = box;
  const marginX = Math.ceil(2 * Math.max(1, (x1 - x0) / size)), marginY = Math.ceil(2 * Math.max(1, (y1 - y0) / size));
  const left = Math.floor(x0) - marginX, top = Math.floor(y0) - marginY;
  const right = Math.ceil(x1) + marginX, bottom = Math.ceil(y1) + marginY;
  const inside = [Math.max(left, 0), Math.max(top, 0), Math.min(right, photo.width), Math.min(bottom, photo.height)];
  let region = photo.region(...inside);
  let widths = [inside[0] - left, inside[1] - top, right - inside[2], bottom - inside[3]];
  let inner = [x0 - left, y0 - top, x1 - left, y1 - top];
  if ((right - left) * (bottom - top) > MOST_PADDING * photo.width * photo.height) { // mostly padding: shrunk before
    const factor = Math.max(1, Math.floor(Math.min((x1 - x0) / size, (y1 - y0) / size) / 3));
    region = reduce(region, factor, factor, [0, 0, region.width, region.height]);
    widths = widths.map((width) => Math.ceil(width / factor));
    inner = box.map((edge, side) => (edge - inside[side % 2]) / factor + widths[side % 2]);
  }
  return resized(padded(region, widths), size, inner, GAP);
}

function turnedCrop(photo, box, size, angle) {
  const [x0, y0, x1, y1] = box;
  const half = Math.hypot(x1 - x0, y1 - y0) / 2, x = (x0 + x1) / 2, y = (y0 + y1) / 2;
  const wanted = ((size <= SMALL ? 2 : 1) * size) / Math.max(x1 - x0, y1 - y0); // its pixels per pixel of the photo
  const around = crop(photo, [x - half, y - half, x + half, y + half], Math.ceil(2 * half * wanted));
  const pixels = around.width / (2 * half), middle = around.width / 2;
  const across = ((x1 - x0) * pixels) / 2, down = ((y1 - y0) * pixels) / 2;
  return resized(turned(around, angle), size, [middle - across, middle - down, middle + across, middle + down]);
}

const mapped = (image, width, height, change) => ({ width, height, bands: image.bands.map(change) });

function padded(image, [left, top, right, bottom]) {
  if (!left && !top && !right && !bottom) return image;
  const width = image.width + left + right, height = image.height + top + bottom;
  return mapped(image, width, height, (band) => {
    const result = new Uint8Array(width * height);
    for (let y = 0; y < height; y++) {
      const row = Math.min(Math.max(y - top, 0), image.height - 1) * image.width;
      for (let x = 0; x < width; x++) {
        result[y * width + x] = band[row + Math.min(Math.max(x - left, 0), image.width - 1)];
      }
    }
    return result;
  });
}

// Pillow's Image.resize of a box; much larger ones are averaged in blocks first where there is a gap.
function resized(image, size, box, gap = 0) {
  const [x, y] = [0, 1].map((side) => (gap && Math.trunc((box[side + 2] - box[side]) / size / gap)) || 1);
  if (x > 1 || y > 1) {
    const [alongX, alongY] = [0, 1].map((side) => (0.5 * (box[side + 2] - box[side])) / size); // of the filter
    const safe = [
      Math.max(0, Math.trunc(box[0] - alongX)), Math.max(0, Math.trunc(box[1] - alongY)),
      Math.min(image.width, Math.ceil(box[2] + alongX)), Math.min(image.height, Math.ceil(box[3] + alongY)),
    ];
    image = reduce(image, x, y, safe);
    box = [(box[0] - safe[0]) / x, (box[1] - safe[1]) / y, (box[2] - safe[0]) / x, (box[3] - safe[1]) / y];
  }
  return mapped(image, size, size, (band) => resize(band, image.width, image.height, size, size, box));
}

// Pillow's Image.reduce: the mean of blocks of x times y pixels, of what is left of them at the right and the bottom.
function reduce(image, x, y, [left, top, right, bottom]) {
  const width = Math.ceil((right - left) / x), height = Math.ceil((bottom - top) / y);
  return mapped(image, width, height, (band) => {
    const result = new Uint8Array(width * height);
    for (let row = 0; row < height; row++) {
      const fromY = top + row * y, toY = Math.min(fromY + y, bottom);
      for (let column = 0; column < width; column++) {
        const fromX = left + column * x, toX = Math.min(fromX + x, right), count = (toX - fromX) * (toY - fromY);
        let sum = Math.trunc(count / 2);
        for (let v = fromY; v < toY; v++) for (let u = fromX; u < toX; u++) sum += band[v * image.width + u];
        result[row * width + column] = Math.floor((sum * Math.trunc(2 ** 24 / count)) / 2 ** 24);
      }
    }
    return result;
  });
}

// Pillow's Image.rotate with bicubic interpolation, anticlockwise by `angle` degrees around the middle.
function turned(image, angle) {
  const { width, height } = image, turn = (-angle * Math.PI) / 180, cos = Math.cos(turn), sin = Math.sin(turn);
  const offsetX = width / 2 - (cos * width) / 2 - (sin * height) / 2;
  const offsetY = height / 2 + (sin * width) / 2 - (cos * height) / 2;
  return mapped(image, width, height, (band) => {
    const result = new Uint8Array(width * height);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const fromX = cos * (x + 0.5) + sin * (y + 0.5) + offsetX, fromY = -sin * (x + 0.5) + cos * (y + 0.5) + offsetY;
        if (fromX < 0 || fromX >= width || fromY < 0 || fromY >= height) continue;
        const u = Math.floor(fromX - 0.5), v = Math.floor(fromY - 0.5), across = fromX - 0.5 - u;
        const at = (row, column) => band[row * width + Math.min(Math.max(column, 0), width - 1)];
        const rows = [];
        for (let row = v - 1; row <= v + 2; row++) {
          const line = row < 0 ? 0 : row;
          rows.push(line < height ? cubic(at(line, u - 1), at(line, u), at(line, u + 1), at(line, u + 2), across)
            : rows.at(-1));
        }
        const value = cubic(...rows, fromY - 0.5 - v);
        result[y * width + x] = Math.min(Math.max(Math.trunc(value), 0), 255);
      }
    }
    return result;
  });
}

function cubic(a, b, c, d, along) {
  return b + along * (c - a + along * (2 * (a - b) + c - d + along * (b - a - c + d)));
}
