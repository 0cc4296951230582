// Classify one face crop in Node: node classify.mjs MODEL.onnx FACE.pgm
// Prints JSON: the emotion and the probability of each.
import { readFile } from "node:fs/promises";
import * as ort from "onnxruntime-web";
import { Classifier } from "./fer.mjs";

try {
  const [model, image, ...more] = process.argv.slice(2);
  if (!image || more.length) throw new Error("two files must be named: node classify.mjs MODEL.onnx FACE.pgm");
  const classifier = await Classifier.load(ort, new Uint8Array(await readFile(model)));
  const { grey, width, height } = readPgm(new Uint8Array(await readFile(image)), image);
  console.log(JSON.stringify(await classifier.classify(grey, width, height), null, 2));
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}

// Binary PGM: "P5", width, height and 255, parted by white space and # comments, one white space, then the bytes.
function readPgm(bytes, name) {
  const space = "(?:\\s|#[^\\n]*\\n)+";
  const head = Buffer.from(bytes.subarray(0, 1024)).toString("latin1")
    .match(new RegExp(`^P5${space}(\\d+)${space}(\\d+)${space}255\\s`));
  const [width, height] = head ? [Number(head[1]), Number(head[2])] : [0, 0];
  const grey = bytes.subarray(head?.[0].length ?? 0);
  if (!head || width * height === 0 || grey.length < width * height) {
    throw new Error(`${name} must be a whole binary PGM image (P5) with values up to 255; ` +
      "save it as one, with Pillow for example.");
  }
  return { grey: grey.subarray(0, width * height), width, height };
}
