// Finding faces with MediaPipe's detectors as fer_hub.detection.mediapipe_search does in its normal search: candidates
// from afar, then a close look at each and at its mirror image. All numbers come from config.json.

const KEYPOINTS = 6; // right eye, left eye, nose tip, mouth, right ear, left ear
const MIRRORED = [1, 0, 2, 3, 5, 4]; // what looks like a right eye in the mirror is the left one
const PLAIN = 2; // least standard deviation of a look; MediaPipe sees faces even in one plain colour

export class FaceFinder {
  // vision: the module of @mediapipe/tasks-vision. files: {wasmLoaderPath, wasmBinaryPath}. models: {short_range,
  // full_range: Uint8Array}. numbers: `detector` of config.json.
  static async load(vision, files, models, numbers) {
    const made = {};
    for (const [name, bytes] of Object.entries(models)) {
      made[name] = await vision.FaceDetector.createFromOptions(files, {
        baseOptions: { modelAssetBuffer: bytes, delegate: "CPU" },
        runningMode: "IMAGE",
        minDetectionConfidence: numbers.candidate_score,
      });
    }
    return new FaceFinder(made, numbers);
  }

  constructor(models, numbers) {
    this.models = models;
    this.numbers = numbers;
  }

  // The faces of a canvas, the most prominent first: [{box, score, points, angle}]. near: only the detector for faces
  // that are near, for cameras.
  find(canvas, near = false) {
    let faces = this.search(canvas, near, false);
    if (!faces.length && !near) { // faces that the edges cut off
      faces = this.search(canvas, near, true).filter(({ box }) =>
        box[2] - box[0] > this.numbers.close_up * Math.min(canvas.width, canvas.height));
    }
    faces = faces.map((face) => ({ ...face, score: calibrated(face.score, this.numbers.curve) }));
    return faces.sort((a, b) => prominence(b, canvas) - prominence(a, canvas));
  }

  search(canvas, near, bordered) {
    const { width, height } = canvas, { parts_from: from, part, overlap, least } = this.numbers;
    const whole = [0, 0, width, height];
    const views = [[this.models.short_range, whole]];
    if (!near) views.push([this.models.full_range, whole]);
    if (!near && !bordered && Math.max(width, height) > from) {
      views.push(...parts(width, height, part, overlap).map((view) => [this.models.full_range, view]));
    }
    const candidates = views.flatMap(([model, view]) => this.afar(model, canvas, view, bordered));
    const faces = bestOfEachPlace(candidates, 0.5).map(({ box }) => this.closely(canvas, box));
    return bestOfEachPlace(faces.filter((face) => face && face.score >= least), 0.3);
  }

  // Candidates in one view, whose longer side is brought within `search_size`.
  afar(model, canvas, [left, top, right, bottom], bordered) {
    const longer = Math.max(right - left, bottom - top), [low, high] = this.numbers.search_size;
    const factor = Math.min(Math.max(longer, low), high) / longer;
    const width = Math.max(1, Math.round((right - left) * factor));
    const height = Math.max(1, Math.round((bottom - top) * factor));
    const [x, y] = bordered ? [width >> 1, height >> 1] : [0, 0];
    const small = this.drawn(width + 2 * x, height + 2 * y, (pen) =>
      pen.drawImage(canvas, left, top, right - left, bottom - top, x, y, width, height));
    return this.seen(model, small).map((face) => moved(face, (u, v) => [(u - x) / factor + left, (v - y) / factor + top]));
  }

  // The face at a candidate's place as two looks see it, the second one at the mirror image; null where there is none.
  closely(canvas, box) {
    const { look_size: size, look_margin: margin } = this.numbers, [x, y] = centre(box);
    if (x < 0 || x >= canvas.width || y < 0 || y >= canvas.height) return null;
    const side = margin * Math.max(box[2] - box[0], box[3] - box[1]), factor = side / size;
    const [left, top] = [x - side / 2, y - side / 2];
    const half = (box[2] - box[0]) / factor / 2, expected = [size / 2 - half, size / 2 - half, size / 2 + half, size / 2 + half];
    const looks = [];
    for (const mirror of [false, true]) {
      const look = this.drawn(size, size, (pen) => {
        if (mirror) pen.setTransform(-1, 0, 0, 1, size, 0);
        pen.drawImage(canvas, -left / factor, -top / factor, canvas.width / factor, canvas.height / factor);
      });
      if (!mirror && isPlain(look)) return null;
      const found = this.seen(this.models.short_range, look)
        .map((face) => (mirror ? mirrored(face, size) : face))
        .filter((face) => iou(face.box, expected) > 0.3);
      if (!found.length) return null;
      looks.push(found.reduce((best, face) => (face.score > best.score ? face : best)));
    }
    const face = moved(this.agreed(...looks), (u, v) => [u * factor + left, v * factor + top]);
    const [[x0, y0], [x1, y1]] = face.points;
    const angle = (Math.atan2(y1 - y0, x1 - x0) * 180) / Math.PI, [u, v] = centre(face.box);
    if (u < 0 || u >= canvas.width || v < 0 || v >= canvas.height) return null;
    return { ...face, angle: Math.abs(angle) >= this.numbers.tilted ? angle : 0 };
  }

  // The mean of two looks, its score lowered by how far apart their points are.
  agreed(a, b) {
    const mean = (p, q) => p.map((value, index) => (value + q[index]) / 2);
    const box = mean(a.box, b.box), differences = a.points.flatMap((point, index) =>
      point.map((value, axis) => Math.abs(value - b.points[index][axis])));
    const apart = differences.reduce((sum, each) => sum + each, 0) / differences.length / (box[2] - box[0]);
    const score = Math.max(0, (a.score + b.score) / 2 - this.numbers.disagreement * apart);
    return { box, score, points: a.points.map((point, index) => mean(point, b.points[index])) };
  }

  seen(model, canvas) {
    return model.detect(canvas).detections.map(({ boundingBox: at, categories, keypoints }) => ({
      box: [at.originX, at.originY, at.originX + at.width, at.originY + at.height],
      score: Math.min(1, categories[0].score),
      points: keypoints.slice(0, KEYPOINTS).map(({ x, y }) => [x * canvas.width, y * canvas.height]),
    })).filter(({ box }) => box[2] > box[0] && box[3] > box[1]);
  }

  drawn(width, height, draw) {
    const canvas = new OffscreenCanvas(width, height), pen = canvas.getContext("2d", { willReadFrequently: true });
    const [red, green, blue] = this.numbers.padding_grey;
    pen.fillStyle = `rgb(${red} ${green} ${blue})`;
    pen.fillRect(0, 0, width, height);
    pen.imageSmoothingQuality = "high";
    draw(pen);
    return canvas;
  }
}

const centre = (box) => [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];

function moved(face, place) {
  const corners = [...place(face.box[0], face.box[1]), ...place(face.box[2], face.box[3])];
  return { ...face, box: corners, points: face.points.map(([x, y]) => place(x, y)) };
}

function mirrored({ box, score, points }, width) {
  return {
    box: [width - box[2], box[1], width - box[0], box[3]],
    score,
    points: MIRRORED.map((index) => [width - points[index][0], points[index][1]]),
  };
}

function isPlain(canvas) {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height), count = data.length / 4;
  return [0, 1, 2].every((band) => {
    let sum = 0, squares = 0;
    for (let i = band; i < data.length; i += 4) [sum, squares] = [sum + data[i], squares + data[i] * data[i]];
    return Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2)) < PLAIN;
  });
}

// Overlapping squares that cover the image, whose side is that share of its longer side.
function parts(width, height, share, overlap) {
  const side = Math.max(width, height) * share;
  const [across, down] = [width, height].map((length) => {
    const gaps = Math.ceil(Math.max(0, length - side) / (side * (1 - overlap)));
    return gaps ? Array.from({ length: gaps + 1 }, (_, i) => ((length - side) * i) / gaps) : [0];
  });
  return down.flatMap((y) => across.map((x) => [x, y, Math.min(x + side, width), Math.min(y + side, height)]));
}

const area = ([x0, y0, x1, y1]) => Math.max(0, x1 - x0) * Math.max(0, y1 - y0);
const common = (a, b) =>
  area([Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])]);

// Intersection over union of two boxes, 0 to 1.
export function iou(a, b) {
  const both = common(a, b);
  return both ? both / (area(a) + area(b) - both) : 0;
}

function bestOfEachPlace(faces, maxIou) {
  const kept = [];
  for (const face of faces.toSorted((a, b) => b.score - a.score)) {
    const hidden = kept.some(({ box }) =>
      iou(box, face.box) > maxIou || common(box, face.box) > 0.7 * Math.min(area(box), area(face.box)));
    if (!hidden) kept.push(face);
  }
  return kept;
}

// As fer_hub.detection.score.calibrated: the share of such boxes that are faces.
function calibrated(score, [slope, intercept]) {
  const sure = Math.min(Math.max(score, 1e-4), 1 - 1e-4);
  return 1 / (1 + Math.exp(-slope * Math.log(sure / (1 - sure)) - intercept));
}

// As fer_hub.detection.score.prominence: large, sure and in the middle first.
function prominence({ box, score }, { width, height }) {
  const inside = area([Math.max(box[0], 0), Math.max(box[1], 0), Math.min(box[2], width), Math.min(box[3], height)]);
  const away = Math.hypot((box[0] + box[2]) / width - 1, (box[1] + box[3]) / height - 1) / Math.SQRT2;
  return (Math.sqrt(inside) / Math.min(width, height)) * score * (1 - Math.min(away, 1) / 3);
}
