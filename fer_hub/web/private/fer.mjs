// An exported network on ONNX Runtime Web, with the image processor's arithmetic. The same code runs in Node and in
// browsers; everything it must know about the network stands in the metadata of model.onnx.

const NEWEST_FORMAT = 1;
const NEEDED = ["format_version", "id2label", "image_mean", "image_size", "image_std", "num_channels",
  "rescale_factor", "resample"];

export class Classifier {
  // ort: the module onnxruntime-web. bytes: model.onnx or model_int8.onnx, as Uint8Array.
  static async load(ort, bytes) {
    const metadata = readMetadata(bytes);
    check(metadata);
    ort.env.wasm.numThreads = 1; // more need response headers that simple servers do not send, and gain little here
    const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
    return new Classifier(ort, session, metadata);
  }

  constructor(ort, session, metadata) {
    this.ort = ort;
    this.session = session;
    this.metadata = metadata;
    this.labels = JSON.parse(metadata.id2label); // {"0": "angry", ...}
    this.size = JSON.parse(metadata.image_size);
    this.scale = JSON.parse(metadata.rescale_factor);
    [this.mean] = JSON.parse(metadata.image_mean);
    [this.deviation] = JSON.parse(metadata.image_std);
  }

  // One grey face crop, row by row, values 0 to 255 → {emotion, probabilities: {label: 0..1}}.
  async classify(grey, width, height) {
    const crop = resize(grey, width, height, this.size, this.size);
    const light = this.metadata.stretch === "percentiles" ? stretch(crop) : crop;
    const values = Float32Array.from(light, (value) => (value * this.scale - this.mean) / this.deviation);
    const pixelValues = new this.ort.Tensor("float32", values, [1, 1, this.size, this.size]);
    const { logits } = await this.session.run({ pixel_values: pixelValues });
    const probabilities = softmax(Array.from(logits.data));
    const best = probabilities.indexOf(Math.max(...probabilities));
    return {
      emotion: this.labels[best],
      probabilities: Object.fromEntries(probabilities.map((value, index) => [this.labels[index], value])),
    };
  }
}

function check(metadata) {
  const missing = NEEDED.filter((name) => !(name in metadata));
  if (missing.length) {
    throw new Error(`the model must be written by fer_hub.onnx.export, its metadata lacks ${missing.join(", ")}; ` +
      "export the checkpoint anew.");
  }
  if (JSON.parse(metadata.format_version) > NEWEST_FORMAT) {
    throw new Error(`format_version must be at most ${NEWEST_FORMAT}, got ${metadata.format_version}; ` +
      "take this example from a newer fer_hub.");
  }
  if (metadata.resample !== "bilinear" || metadata.num_channels !== "1") {
    throw new Error("the model must take grey images resized bilinearly, got " +
      `${metadata.num_channels} channels, ${metadata.resample}; extend fer.mjs for it.`);
  }
  if (!["none", "percentiles"].includes(metadata.stretch ?? "none")) { // older files do not say
    throw new Error(`stretch must be none or percentiles, got ${metadata.stretch}; take this example from a newer ` +
      "fer_hub.");
  }
}

export function softmax(logits) {
  const largest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - largest));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

// The 1st percentile of the pixels becomes 0 and the 99th 255, as FERImageProcessor's stretch="percentiles".
export function stretch(pixels) {
  const ordered = Uint8Array.from(pixels).sort();
  const rank = Math.floor((ordered.length - 1) / 100);
  const black = ordered[rank];
  const white = ordered[ordered.length - 1 - rank];
  const factor = 255 / Math.max(white - black, 1);
  return Float32Array.from(pixels, (value) => Math.min(Math.max((value - black) * factor, 0), 255));
}

// RGBA bytes, as a canvas gives them → grey by ITU-R 601-2 luma, in the integers of Pillow's mode "L".
export function toGrey(rgba) {
  const grey = new Uint8Array(rgba.length / 4);
  for (let i = 0; i < grey.length; i++) {
    grey[i] = (rgba[4 * i] * 19595 + rgba[4 * i + 1] * 38470 + rgba[4 * i + 2] * 7471 + 32768) >> 16;
  }
  return grey;
}

// Pillow's bilinear resize of one channel of bytes, to the last bit: along the rows, then along the columns.
// box: the part that is resized, [left, top, right, bottom] in pixels with fractions; all of it if left out.
export function resize(pixels, width, height, newWidth, newHeight, box = [0, 0, width, height]) {
  if (pixels.length !== width * height || pixels.length === 0) {
    throw new Error(`a grey image must have width x height pixels, got ${pixels.length} for ${width} x ${height}.`);
  }
  const [left, top, right, bottom] = box.map(Math.fround); // Pillow takes them in single precision
  const rows = resizeLines(pixels, width, height, newWidth, 1, width, 1, newWidth, left, right);
  return resizeLines(rows, height, newWidth, newHeight, newWidth, 1, newWidth, 1, top, bottom);
}

// Resize the part from `start` to `end` of `lines` lines of `length` pixels to `newLength`; the steps say how far
// pixels and lines lie apart in memory.
function resizeLines(pixels, length, lines, newLength, step, lineStep, newStep, newLineStep, start, end) {
  const result = new Uint8Array(newLength * lines);
  const scale = Math.fround(end - start) / newLength;
  const support = Math.max(scale, 1); // a triangle over the two neighbours, wider where the image shrinks
  for (let position = 0; position < newLength; position++) {
    const centre = start + (position + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - support + 0.5), 0);
    const count = Math.min(Math.trunc(centre + support + 0.5), length) - first;
    const weights = Array.from({ length: count }, (_, i) =>
      Math.max(1 - Math.abs((first + i - centre + 0.5) / support), 0));
    const sum = weights.reduce((a, b) => a + b, 0);
    const fixed = weights.map((weight) => Math.trunc((weight / sum) * 2 ** 22 + 0.5)); // 22 binary digits
    for (let line = 0; line < lines; line++) {
      let total = 2 ** 21; // half, to round
      for (let i = 0; i < count; i++) total += fixed[i] * pixels[(first + i) * step + line * lineStep];
      result[position * newStep + line * newLineStep] = Math.min(total >> 22, 255);
    }
  }
  return result;
}

// ONNX Runtime Web does not show a model's metadata, so it is read from the file: protocol buffers, ModelProto's
// field 14 (metadata_props), entries with the fields 1 (key) and 2 (value).
export function readMetadata(bytes) {
  const text = new TextDecoder();
  const metadata = {};
  for (const [field, entry] of fields(bytes)) {
    if (field !== 14) continue;
    const parts = Object.fromEntries([...fields(entry)].map(([number, value]) => [number, text.decode(value)]));
    metadata[parts[1]] = parts[2] ?? "";
  }
  return metadata;
}

const EARLY_END = "the model must be a whole ONNX file, got one that ends early; copy it again.";

// [field number, content] of every length-delimited field of a message; fields of other kinds are skipped.
function* fields(bytes) {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      if (at >= bytes.length) throw new Error(EARLY_END);
      const byte = bytes[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const kind = tag % 8;
    if (kind === 2) {
      const length = varint();
      if (at + length > bytes.length) throw new Error(EARLY_END);
      yield [Math.floor(tag / 8), bytes.subarray(at, at + length)];
      at += length;
    } else if (kind === 0) varint();
    else if (kind === 1) at += 8;
    else if (kind === 5) at += 4;
    else throw new Error("the model must be an ONNX file, got bytes that are none; export it anew.");
  }
}
