// The page: a chosen picture → a canvas → the network. Nothing leaves the computer.
import * as ort from "./node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs";
import { Classifier, toGrey } from "./fer.mjs";

const byId = (id) => document.getElementById(id);
const say = (text, failed = false) => {
  byId("status").textContent = text;
  byId("status").classList.toggle("failed", failed);
};

async function loadClassifier() {
  const response = await fetch("model.onnx", { cache: "no-cache" });
  if (!response.ok) {
    throw new Error(`model.onnx must lie beside this page, the server answered ${response.status}; ` +
      "copy it there from a checkpoint folder.");
  }
  return Classifier.load(ort, new Uint8Array(await response.arrayBuffer()));
}

async function classify(classifier, file) {
  // colours as they are in the file; upright by its EXIF orientation
  const picture = await createImageBitmap(file, { colorSpaceConversion: "none" }).catch(() => {
    throw new Error(`${file.name} must be a picture, the browser cannot read it; choose a PNG or JPEG.`);
  });
  const canvas = byId("picture");
  [canvas.width, canvas.height] = [picture.width, picture.height];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  const rgba = context.getImageData(0, 0, picture.width, picture.height).data;
  const start = performance.now();
  const result = await classifier.classify(toGrey(rgba), picture.width, picture.height);
  show(result);
  say(`${file.name}: ${result.emotion}, in ${(performance.now() - start).toFixed(1)} ms on this computer.`);
}

function show(result) {
  const rows = Object.entries(result.probabilities).sort(([, a], [, b]) => b - a).map(([label, probability]) => {
    const row = document.createElement("tr");
    const meter = document.createElement("meter");
    meter.value = probability;
    for (const content of [label, meter, `${(100 * probability).toFixed(1)} %`]) row.insertCell().append(content);
    return row;
  });
  byId("probabilities").replaceChildren(...rows);
  byId("json").textContent = JSON.stringify(result, null, 2);
  byId("result").hidden = false;
}

try {
  const classifier = await loadClassifier();
  byId("file").disabled = false;
  say("Ready. Choose a picture of one face, cut out closely.");
  byId("file").addEventListener("change", async ({ target }) => {
    if (!target.files.length) return;
    byId("result").hidden = true;
    say("Computing.");
    await classify(classifier, target.files[0]).catch((error) => say(error.message, true));
  });
} catch (error) {
  say(error.message, true);
}
