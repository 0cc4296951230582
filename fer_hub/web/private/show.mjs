// Results as the app shows them (fer_hub.web.tabs.faces): the picture with numbered boxes, and a card for each face.

const percent = (share) => `${Math.round(100 * share)} %`;

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const counted = (count) => `${count} face${count === 1 ? "" : "s"}`;

const ranked = (probabilities) => Object.entries(probabilities).sort(([, a], [, b]) => b - a);

const emotionOf = (face) => ranked(face.probabilities)[0][0];

// What the status line says of a photo.
export function announcement(faces) {
  const told = faces.map((face) => `${emotionOf(face)} ${percent(face.probabilities[emotionOf(face)])}`);
  return faces.length ? `${counted(faces.length)}: ${told.join(", ")}` :
    "No face found. The app on a server finds more small and tilted faces.";
}

function words({ probabilities }, close) {
  const [[first, high], [second, low]] = ranked(probabilities);
  const bold = (label, share) => element("strong", {}, `${label}, ${percent(share)}`);
  return high - low < close
    ? ["hard to tell: ", bold(first, high), ", or ", bold(second, low)]
    : ["most likely ", bold(first, high), "; ", element("span", { class: "fer-next" }, `next ${second}, ${percent(low)}`)];
}

const sentence = (parts) => parts.map((part) => part.textContent ?? part).join("");

function bars({ probabilities }, colours) {
  const [[best]] = ranked(probabilities);
  const rows = Object.entries(probabilities).map(([label, share]) => {
    const fill = element("span", { class: "fer-fill" });
    fill.style.width = `${(100 * share).toFixed(1)}%`;
    const row = element("li", { class: `fer-bar${label === best ? " fer-best" : ""}` },
      element("span", { class: "fer-label" }, label), element("span", { class: "fer-track" }, fill),
      element("span", { class: "fer-share" }, percent(share)));
    row.style.setProperty("--c", colours[label]);
    return row;
  });
  return element("ul", { class: "fer-bars" }, ...rows);
}

function placed(box, [x0, y0, x1, y1], { width, height }) {
  const inside = [Math.max(x0, 0) / width, Math.max(y0, 0) / height, Math.min(x1, width) / width, Math.min(y1, height) / height];
  const [left, top, right, bottom] = inside.map((share) => 100 * share);
  Object.assign(box.style, { left: `${left}%`, top: `${top}%`, width: `${right - left}%`, height: `${bottom - top}%` });
  return box;
}

function figure(canvas, boxes) {
  const made = element("figure", { class: "fer-picture" }, element("div", { class: "fer-frame" }, canvas, ...boxes));
  made.style.setProperty("--ratio", canvas.width / canvas.height);
  return made;
}

// A photo and its faces. colours: label → colour; close: of `config.json`.
export function photoResult(canvas, faces, { colours, close }) {
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `The photo with ${counted(faces.length)} marked`);
  const boxes = faces.map((face, index) => {
    const box = element("button", {
      type: "button", tabindex: -1, class: "fer-box", "data-face": index + 1, "aria-pressed": index === 0,
      "aria-label": `Face ${index + 1}: ${sentence(words(face, close))}`,
    }, element("span", { class: "fer-number" }, index + 1));
    box.style.setProperty("--c", colours[emotionOf(face)]);
    box.style.zIndex = index + 1;
    return placed(box, face.box, canvas);
  });
  const cards = faces.map((face, index) => {
    const small = element("canvas", { width: face.crop.width, height: face.crop.height, "aria-hidden": true });
    small.getContext("2d").putImageData(face.crop, 0, 0);
    const card = element("article", {
      class: "fer-card", "data-face": index + 1, "data-selected": index === 0, "aria-label": `Face ${index + 1}`,
    }, element("button", { type: "button", class: "fer-choose", "data-face": index + 1, "aria-pressed": index === 0 },
      small, element("span", { class: "fer-number" }, index + 1),
      element("span", { class: "fer-words" }, element("span", { class: "fer-hidden" }, `Face ${index + 1}: `),
        ...words(face, close))), bars(face, colours));
    card.style.setProperty("--c", colours[emotionOf(face)]);
    return card;
  });
  const parts = [figure(canvas, boxes)];
  if (cards.length) parts.push(element("div", { class: "fer-cards" }, ...cards));
  return element("div", { class: `fer-result${cards.length ? "" : " fer-alone"}` }, ...parts);
}

// Mark a face in the picture and among the cards, and say which.
export function select(result, number, say) {
  for (const each of result.querySelectorAll("[data-face]")) {
    const chosen = each.dataset.face === number;
    if (each.matches("article")) each.dataset.selected = chosen;
    else each.setAttribute("aria-pressed", chosen);
    if (chosen && each.matches(".fer-choose")) say(each.textContent.trim().replace(/^\d+/, ""));
  }
}

// The camera's picture as in a mirror, with boxes, and the most prominent face beside it: {element, update}.
export function livePanel(canvas, { colours, close }) {
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "The camera's picture");
  const picture = figure(canvas, []), beside = element("div", {});
  picture.classList.add("fer-live");
  const update = (faces, speed) => {
    picture.style.setProperty("--ratio", canvas.width / canvas.height);
    const boxes = faces.map((face, index) => {
      const emotion = emotionOf(face), [x0, y0, x1, y1] = face.box;
      const box = element("span", { class: "fer-box" }, element("span", { class: "fer-number" },
        `${faces.length > 1 ? `${index + 1}: ` : ""}${emotion} ${percent(face.probabilities[emotion])}`));
      box.style.setProperty("--c", colours[emotion]);
      return placed(box, [canvas.width - x1, y0, canvas.width - x0, y1], canvas);
    });
    picture.firstChild.replaceChildren(canvas, ...boxes);
    const said = faces.length ? words(faces[0], close) : ["No face in the picture"];
    beside.replaceChildren(element("p", { class: "fer-words" }, ...said), ...(faces.length ? [bars(faces[0], colours)] : []),
      element("p", { class: "fer-quality" }, `${speed.toFixed(0)} frames/s`));
    beside.dataset.frame = Number(beside.dataset.frame ?? 0) + 1;
  };
  beside.id = "live";
  return { element: element("div", { class: "fer-result" }, picture, beside), update };
}
