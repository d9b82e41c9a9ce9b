// Drawing: colours, scales, axes.

const NAMESPACE = "http://www.w3.org/2000/svg";

// Okabe and Ito's colours. All kinds of colour vision tell the first four
// apart. Vermilion is left to the elites.
export const ACTIONS = [[86, 180, 233], [240, 228, 66], [120, 120, 120],
  [0, 114, 178], [204, 121, 167], [0, 158, 115], [230, 159, 0]];
// From low to high, apart for all kinds of colour vision.
const LOW = [0, 114, 178], MIDDLE = [200, 203, 208], HIGH = [213, 94, 0];

export const byId = (id) => document.getElementById(id);

export const themed = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);

export const css = (color, alpha = 1) => `rgb(${color.join(" ")} / ${alpha})`;

export const mix = (a, b, share) =>
  a.map((x, i) => Math.round(x + (b[i] - x) * share));

// The colour of a value in [-1, 1].
export function diverging(value) {
  const share = Math.min(Math.abs(value), 1);
  return mix(MIDDLE, value < 0 ? LOW : HIGH, share);
}

export function html(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

export function svg(parent, tag, attributes = {}, text = "") {
  const made = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) {
    made.setAttribute(name, value);
  }
  made.textContent = text;
  parent.append(made);
  return made;
}

// The name of an upright axis in a picture.
export function sideways(parent, x, y, text) {
  svg(parent, "text", {x, y, "text-anchor": "middle",
    transform: `rotate(-90 ${x} ${y})`}, text);
}

// A message in the middle of a canvas.
export function message(context, [left, top, width, height], text) {
  context.fillStyle = themed("soft");
  context.font = "14px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, left + width / 2, top + height / 2);
}

// A number as people write it.
export function short(value) {
  if (value === null || value === undefined) return "–";
  if (Number.isInteger(value)) return value.toLocaleString("en");
  const rounded = Number(value.toPrecision(3));
  return Math.abs(rounded) >= 1000
    ? Math.round(value).toLocaleString("en") : String(rounded);
}

// A tick, which is round already.
export const label = (tick) => tick.toLocaleString("en", {maximumFractionDigits: 9});

// About `count` round numbers from `low` to `high`.
export function ticks(low, high, count = 4) {
  const raw = (high - low) / count;
  if (!(raw > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((each) => each * power >= raw) * power;
  const found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9; n += 1) {
    found.push(Number((n * step).toPrecision(12)));
  }
  return found;
}

export const scale = (low, high, from, to) => (value) =>
  from + (value - low) / (high - low || 1) * (to - from);

// A pen for a canvas of so many CSS pixels; clear.
export function pen(canvas, height) {
  const zoom = window.devicePixelRatio || 1, width = canvas.clientWidth || 300;
  canvas.style.height = `${height}px`;
  const size = [Math.round(width * zoom), Math.round(height * zoom)];
  // Setting a size clears the canvas, and takes time.
  if (canvas.width !== size[0] || canvas.height !== size[1]) {
    [canvas.width, canvas.height] = size;
  }
  const made = canvas.getContext("2d");
  made.setTransform(zoom, 0, 0, zoom, 0, 0);
  made.clearRect(0, 0, width, height);
  return [made, width];
}

// Replaces the keys of a legend: a colour, a text and a shape, "line", "ring" or
// none for a filled box.
export function legend(element, keys) {
  element.replaceChildren(...keys.map(([color, text, shape]) => {
    const mark = html("i", shape ? {class: shape} : {});
    mark.style[shape ? "borderColor" : "background"] = color;
    return html("span", {class: "key"}, mark, text);
  }));
}

// Draws a square grid of colours as one smooth image.
export function grid(context, resolution, colors, box) {
  const small = document.createElement("canvas");
  small.width = small.height = resolution;
  const image = new ImageData(resolution, resolution);
  for (let place = 0; place < resolution ** 2; place += 1) {
    const row = resolution - 1 - Math.floor(place / resolution);
    image.data.set([...colors(place), 255],
      4 * (row * resolution + place % resolution));
  }
  small.getContext("2d").putImageData(image, 0, 0);
  context.imageSmoothingEnabled = true;
  context.drawImage(small, ...box);
}

// Frame, ticks and names of a plane on a canvas.
export function frame(context, box, ranges, names) {
  const [left, top, width, height] = box;
  context.strokeStyle = themed("line");
  context.lineWidth = 1;
  context.strokeRect(left + 0.5, top + 0.5, width - 1, height - 1);
  context.fillStyle = themed("soft");
  context.font = "12px system-ui, sans-serif";
  const across = scale(...ranges[0], left, left + width);
  const up = scale(...ranges[1], top + height, top);
  context.textBaseline = "top";
  context.textAlign = "center";
  for (const tick of ticks(...ranges[0], width < 200 ? 2 : 4)) {
    context.fillText(label(tick), across(tick), top + height + 4);
  }
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const tick of ticks(...ranges[1], 4)) {
    context.fillText(label(tick), left - 5, up(tick));
  }
  if (!names) return;
  context.textAlign = "center";
  context.textBaseline = "top";
  context.fillText(names[0], left + width / 2, top + height + 20);
  context.save();
  context.translate(0, top + height / 2);
  context.rotate(-Math.PI / 2);
  context.fillText(names[1], 0, 0, height + 16);
  context.restore();
}
