// What `benchmarks.peers` does with @vladmandic/face-api, on TensorFlow.js's WebAssembly in Node:
//     node benchmarks/peers_face_api.mjs FOLDER-OF-NODE_MODULES first|speed|answers|alone FOLDER CORES
// The networks are those in the package; as its page shows, SSD MobileNet with landmarks and expressions.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

const [modules, part, folder, cores] = process.argv.slice(2);
const require = createRequire(path.join(path.resolve(modules), 'package.json'));
globalThis.fetch = undefined;  // nothing is fetched
const tf = require('@tensorflow/tfjs');
const wasm = require('@tensorflow/tfjs-backend-wasm');
const jpeg = require('jpeg-js');
const faceapi = require('@vladmandic/face-api/dist/face-api.node-wasm.js');

const NAMES = {
  neutral: 'neutral', happy: 'happy', sad: 'sad', angry: 'angry', fearful: 'fear', disgusted: 'disgust', surprised: 'surprise',
};

async function begin() {
  wasm.setWasmPaths(path.join(path.dirname(require.resolve('@tensorflow/tfjs-backend-wasm')), path.sep));
  wasm.setThreadsCount(Number(cores));
  await tf.setBackend('wasm');
  await tf.ready();
  const models = path.join(path.dirname(require.resolve('@vladmandic/face-api/package.json')), 'model');
  await faceapi.nets.ssdMobilenetv1.loadFromDisk(models);
  await faceapi.nets.faceLandmark68Net.loadFromDisk(models);
  await faceapi.nets.faceExpressionNet.loadFromDisk(models);
}

function load(file) {
  const { width, height, data } = jpeg.decode(fs.readFileSync(file), { useTArray: true, formatAsRGBA: false });
  return { width, height, data };
}

async function analyse({ width, height, data }) {
  const tensor = tf.tensor3d(data, [height, width, 3], 'int32');
  const found = await faceapi.detectAllFaces(tensor, new faceapi.SsdMobilenetv1Options()).withFaceLandmarks().withFaceExpressions();
  tensor.dispose();
  return found.map(({ detection, expressions }) => {
    const { x, y, width: w, height: h } = detection.box;
    return { box: [x, y, x + w, y + h], emotion: NAMES[expressions.asSortedArray()[0].expression] };
  });
}

function emotionOf(faces) {
  const area = ({ box }) => (box[2] - box[0]) * (box[3] - box[1]);
  return faces.length ? faces.reduce((a, b) => (area(b) > area(a) ? b : a)).emotion : null;
}

const files = (name) => fs.readdirSync(path.join(folder, name)).sort().map((each) => path.join(folder, name, each));
const peak = () => Math.round(process.resourceUsage().maxRSS / 102.4) / 10;

await begin();
if (part === 'first') {
  const found = await analyse(load(path.join(folder, 'frame.jpg')));
  console.log(JSON.stringify({ found: found.length, peak_mib: peak() }));
} else if (part === 'speed') {
  const photos = files('photos');
  const frame = load(path.join(folder, 'frame.jpg'));
  const cpu = (before) => { const { user, system } = process.cpuUsage(before); return (user + system) / 1000; };
  const times = [];
  for (let round = 0; round < 10; round += 1) {
    const before = process.cpuUsage();
    await analyse(frame);
    times.push(cpu(before));
  }
  const start = process.hrtime.bigint();
  const before = process.cpuUsage();
  for (const photo of photos) await analyse(load(photo));
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  console.log(JSON.stringify({
    per_second: photos.length / seconds, cpu_ms: cpu(before) / photos.length, frame_ms: times.sort((a, b) => a - b)[5], peak_mib: peak(),
  }));
} else if (part === 'alone') {
  const alone = [];
  for (const file of files('faces')) {
    const { width, height, data } = load(file);
    const tensor = tf.slice(tf.tensor3d(data, [height, width, 3], 'int32'), [64, 64, 0], [height - 128, width - 128, 3]);
    const expressions = await faceapi.nets.faceExpressionNet.predictExpressions(tensor);
    tensor.dispose();
    alone.push(NAMES[expressions.asSortedArray()[0].expression]);
  }
  console.log(JSON.stringify({ alone }));
} else {
  const result = { faces: [], groups: [] };
  for (const file of files('faces')) result.faces.push(emotionOf(await analyse(load(file))));
  for (const file of files('groups')) result.groups.push((await analyse(load(file))).map(({ box }) => box));
  console.log(JSON.stringify(result));
}
process.exit(0);
