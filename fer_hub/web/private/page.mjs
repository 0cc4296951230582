// The page: a photo or the camera → faces → probabilities, all in this browser. Built by `fer-hub private-page`.
import * as vision from "./vendor/mediapipe/vision_bundle.mjs";
import * as ort from "./vendor/onnxruntime/ort.wasm.bundle.min.mjs";
import { crop, frame } from "./crop.mjs";
import { FaceFinder, iou } from "./faces.mjs";
import { Classifier, toGrey } from "./fer.mjs";
import { announcement, livePanel, photoResult, select } from "./show.mjs";

const byId = (id) => document.getElementById(id);
const LONGEST = 640; // pixels of a camera's frame
const SMOOTHING = 0.5; // seconds, as fer_hub.video.tracking in the app

function say(text, kind = "") {
  byId("note").className = kind;
  byId("note").textContent = text;
}

const address = (name) => new URL(name, import.meta.url).href;

async function bytes(name) {
  const response = await fetch(address(name)).catch(() => null);
  if (!response?.ok) {
    throw new Error(`${name} must lie beside this page, but cannot be loaded; build the page again.`);
  }
  return new Uint8Array(await response.arrayBuffer());
}

// Finder, classifier and numbers; everything that is ever loaded is loaded here.
async function load() {
  const config = JSON.parse(new TextDecoder().decode(await bytes("config.json")));
  say(`Loading the network and the face detector, ${Math.round(config.bytes / 1e6)} MB.`, "fer-busy");
  ort.env.wasm.wasmPaths = { wasm: address("vendor/onnxruntime/ort-wasm-simd-threaded.wasm") };
  const classifier = await Classifier.load(ort, await bytes("model.onnx"));
  const files = {
    wasmLoaderPath: address("vendor/mediapipe/vision_wasm_internal.js"),
    wasmBinaryPath: address("vendor/mediapipe/vision_wasm_internal.wasm"),
  };
  const models = {};
  for (const [name, file] of Object.entries(config.detector.models)) models[name] = await bytes(file);
  const finder = await FaceFinder.load(vision, files, models, config.detector);
  finder.find(new OffscreenCanvas(64, 64)); // what is loaded on first use is loaded now
  return { config, classifier, finder };
}

// From now on the browser refuses every connection, also one to where the page came from.
function closeDoors() {
  const policy = document.createElement("meta");
  policy.httpEquiv = "Content-Security-Policy";
  policy.content = "default-src 'none'; script-src 'wasm-unsafe-eval'; style-src 'self'; img-src blob: data:; " +
    "connect-src data:; form-action 'none'";
  document.head.append(policy);
}

// A canvas as crop.mjs reads photos.
function photoOf(canvas) {
  const region = (left, top, right, bottom) => {
    const { data } = canvas.getContext("2d").getImageData(left, top, right - left, bottom - top);
    const bands = [0, 1, 2].map((band) => Uint8Array.from({ length: data.length / 4 }, (_, i) => data[4 * i + band]));
    return { width: right - left, height: bottom - top, bands };
  };
  return { width: canvas.width, height: canvas.height, region };
}

// The faces of a canvas: [{box, score, angle, crop, emotion, probabilities}], the most prominent first.
export async function analyse({ config, classifier, finder }, canvas, near = false) {
  const faces = [];
  for (const face of finder.find(canvas, near)) {
    faces.push({ ...face, ...(await classify({ config, classifier }, canvas, face)) });
  }
  return faces;
}

// One face of a canvas, {box, angle}: its crop as RGBA, and what the network says of it.
export async function classify({ config, classifier }, canvas, face) {
  const { width, height, bands } = crop(photoOf(canvas), frame(face, config.framing), classifier.size, face.angle);
  const rgba = new Uint8ClampedArray(4 * width * height).fill(255);
  bands.forEach((band, offset) => band.forEach((value, i) => (rgba[4 * i + offset] = value)));
  return { crop: new ImageData(rgba, width, height), ...(await classifier.classify(toGrey(rgba), width, height)) };
}

// A picture file as a canvas: upright, its colours as in the file, what is transparent over white.
export async function opened(file) {
  const picture = await createImageBitmap(file, { colorSpaceConversion: "none" }).catch(() => null);
  if (!picture) {
    throw new Error(`${file.name} must be a photo, but this browser cannot read it; choose a JPEG or PNG.`);
  }
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [picture.width, picture.height];
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.fillStyle = "white";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(picture, 0, 0);
  picture.close();
  return canvas;
}

async function showPhoto(tools, file) {
  stopCamera();
  say("Looking for faces.", "fer-busy");
  await new Promise((resume) => setTimeout(resume)); // so that this is seen
  try {
    const canvas = await opened(file);
    const faces = await analyse(tools, canvas);
    byId("result").replaceChildren(photoResult(canvas, faces, tools.config));
    say(announcement(faces));
  } catch (error) {
    byId("result").replaceChildren();
    say(error.message, "fer-problem");
  }
}

let camera = null; // {stream, video}, while it runs

function stopCamera() {
  camera?.stream.getTracks().forEach((track) => track.stop());
  camera = null;
  byId("start").textContent = "Start camera";
  byId("start").setAttribute("aria-pressed", "false");
}

async function startCamera(tools, device) {
  stopCamera();
  const choice = device ? { deviceId: { exact: device } } : { facingMode: "user" };
  const video = document.createElement("video");
  Object.assign(video, { muted: true, playsInline: true });
  try {
    const stream = await navigator.mediaDevices.getUserMedia({
      video: { width: { ideal: LONGEST }, height: { ideal: 480 }, ...choice },
    });
    camera = { stream, video };
    video.srcObject = stream;
    await video.play();
  } catch (error) {
    stopCamera();
    return say(`The camera must be there and allowed, but the browser says: ${error.message ?? error}.`, "fer-problem");
  }
  byId("start").textContent = "Stop camera";
  byId("start").setAttribute("aria-pressed", "true");
  say("The camera is on; its pictures stay in this browser.");
  await listCameras(camera.stream);
  await run(tools, camera);
}

async function listCameras(stream) {
  const devices = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
  const now = stream.getVideoTracks()[0].getSettings().deviceId;
  byId("which").replaceChildren(...devices.map(({ deviceId, label }, index) =>
    new Option(label || `Camera ${index + 1}`, deviceId, false, deviceId === now)));
  byId("cameras").hidden = devices.length < 2;
}

// Frame after frame until the camera stops or another one starts.
async function run(tools, mine) {
  const canvas = document.createElement("canvas"), pen = canvas.getContext("2d", { willReadFrequently: true });
  const panel = livePanel(canvas, tools.config);
  byId("result").replaceChildren(panel.element);
  let before = [], times = [];
  while (camera === mine) {
    await new Promise(requestAnimationFrame);
    const { videoWidth: width, videoHeight: height } = mine.video;
    if (camera !== mine || !width) continue;
    const factor = Math.min(1, LONGEST / Math.max(width, height));
    const picture = new OffscreenCanvas(Math.round(width * factor), Math.round(height * factor));
    picture.getContext("2d", { willReadFrequently: true }).drawImage(mine.video, 0, 0, picture.width, picture.height);
    const now = performance.now() / 1000;
    const faces = smoothed(await analyse(tools, picture, true), before, now);
    if (camera !== mine) break;
    if (canvas.width !== picture.width || canvas.height !== picture.height) {
      [canvas.width, canvas.height] = [picture.width, picture.height];
    }
    pen.drawImage(picture, 0, 0);
    before = faces;
    times = [...times.filter((time) => now - time <= 1), now];
    panel.update(faces, times.length > 1 ? (times.length - 1) / (now - times[0]) : 0);
  }
  if (!camera) byId("result").replaceChildren();
}

// Probabilities as an exponential moving average over the frames in which a face stays where it was.
function smoothed(faces, before, now) {
  return faces.map((face) => {
    const old = before.find(({ box }) => iou(box, face.box) > 0.3);
    if (!old) return { ...face, time: now };
    const weight = 1 - Math.exp(-(now - old.time) / SMOOTHING);
    const probabilities = Object.fromEntries(Object.entries(face.probabilities).map(([label, value]) =>
      [label, old.probabilities[label] + weight * (value - old.probabilities[label])]));
    return { ...face, time: now, probabilities };
  });
}

function theme() {
  const wanted = new URLSearchParams(location.search).get("__theme"); // as gradio's pages
  const dark = wanted ? wanted === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.body.classList.toggle("dark", dark); // where gradio has it
}

theme();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", theme);
byId("back").hidden = !location.pathname.endsWith("/private/");

// Everything that analyses, once it is loaded.
export const ready = load();

try {
  const tools = await ready;
  closeDoors();
  byId("measured").textContent = tools.config.measured;
  for (const id of ["file", "start"]) byId(id).disabled = false;
  say("Ready. Choose a photo or start the camera.");
  byId("file").addEventListener("change", async ({ target }) => {
    if (target.files.length) await showPhoto(tools, target.files[0]);
    target.value = ""; // the same file may be chosen again
  });
  byId("start").addEventListener("click", () => (camera ? stopCamera() : startCamera(tools)));
  byId("which").addEventListener("change", ({ target }) => startCamera(tools, target.value));
  byId("result").addEventListener("click", ({ target }) => {
    const face = target.closest("[data-face]");
    if (face && !camera) select(byId("result"), face.dataset.face, say);
  });
} catch (error) {
  say(`${error.message} Without WebAssembly with SIMD and WebGL, which browsers have had for years, it cannot run.`,
    "fer-problem");
}
