"use strict";

// What a script element of the page holds as JSON.
function read(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

// A tag of SVG within another.
function add(parent, name, attributes, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  node.textContent = text || "";
  parent.appendChild(node);
}

function when(stage) {
  return `Iteration ${stage.iteration.toLocaleString("en")}, ` +
    `${stage.env_steps.toLocaleString("en")} environment steps`;
}

// Draws the histogram of the stage that its slider is at.
function histogram() {
  const stages = read("stages");
  const plot = document.getElementById("histogram");
  const slider = document.getElementById("stage-slider");
  const caption = document.getElementById("stage-caption");
  const [height, bottom, bins] = [240, 24, 30];
  let low = Infinity, high = -Infinity;
  for (const stage of stages) {
    for (const value of stage.returns) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  if (low === high) { low -= 0.5; high += 0.5; }

  function draw() {
    const stage = stages[slider.value];
    const counts = new Array(bins).fill(0), elites = new Array(bins).fill(0);
    for (const value of stage.returns) {
      const bin = Math.floor((value - low) / (high - low) * bins);
      counts[Math.min(bin, bins - 1)] += 1;
      if (stage.elite_threshold !== null && value > stage.elite_threshold) {
        elites[Math.min(bin, bins - 1)] += 1;
      }
    }
    const most = Math.max(...counts), floor = height - bottom;
    // A unit is a pixel, so that text is as large as any.
    const width = Math.max(plot.clientWidth, 200);
    plot.setAttribute("viewBox", `0 0 ${width} ${height}`);
    plot.replaceChildren();
    // Elites on top of the others, in another color.
    const threshold = stage.elite_threshold;
    counts.forEach((count, bin) => {
      const box = {x: bin * width / bins, width: width / bins - 1};
      const top = floor * (1 - count / most);
      const height = floor * count / most;
      const share = count ? elites[bin] / count : 0;
      add(plot, "rect", {...box, fill: "#0072B2", y: top, height: height});
      if (share) {
        add(plot, "rect", {...box, fill: "#D55E00", y: top,
          height: height * share});
      }
    });
    if (threshold !== null) {
      const place = (threshold - low) / (high - low) * width;
      const x = Math.max(1, Math.min(width - 1, place));
      add(plot, "line", {x1: x, x2: x, y1: 0, y2: floor, stroke: "black",
        "stroke-width": 2});
    }
    const parts = width < 500 ? 2 : 4;
    for (let tick = 0; tick <= parts; tick += 1) {
      const anchor = tick === 0 ? "start" : tick === parts ? "end" : "middle";
      add(plot, "text",
        {x: tick * width / parts, y: height - 6, "text-anchor": anchor},
        (low + (high - low) * tick / parts).toPrecision(4));
    }
    caption.textContent = `${when(stage)}; ` +
      (threshold === null ? "no elite threshold"
        : `elite threshold ${threshold.toPrecision(4)}, returns above it in ` +
          "orange");
  }

  slider.addEventListener("input", draw);
  window.addEventListener("resize", draw);
  draw();
}

// Okabe and Ito's colours, and the ends and quarters of cividis: those of the
// pictures beside it, which the colour-blind can tell apart.
const CYCLE = [[0, 114, 178], [213, 94, 0], [0, 158, 115], [204, 121, 167],
  [86, 180, 233], [230, 159, 0], [0, 0, 0]];
const CIVIDIS = [[0, 34, 78], [66, 78, 108], [125, 124, 120], [187, 174, 108],
  [254, 232, 56]];

const mix = (a, b, share) => a.map((x, i) => Math.round(x + (b[i] - x) * share));
const css = (color) => `rgb(${color.join(" ")})`;
const region = (action) => mix([255, 255, 255], CYCLE[action % 7], 0.55);

function level(value) {
  const place = value / 255 * (CIVIDIS.length - 1);
  const below = Math.min(Math.floor(place), CIVIDIS.length - 2);
  return mix(CIVIDIS[below], CIVIDIS[below + 1], place - below);
}

// Draws the map of the policy that its slider is at.
function policyMap() {
  const {kind, ranges, resolution, dimensions, low, high, maps} = read("maps");
  const canvas = document.getElementById("policy-map");
  const slider = document.getElementById("map-slider");
  const caption = document.getElementById("map-caption");
  const legend = document.getElementById("map-legend");
  const [left, bottom, top, right] = [76, 44, 8, 16];

  // A pixel a point of the map, to be drawn larger.
  function points(values) {
    const small = document.createElement("canvas");
    small.width = small.height = resolution;
    const image = new ImageData(resolution, resolution);
    values.forEach((value, place) => {
      const row = resolution - 1 - Math.floor(place / resolution);
      const pixel = 4 * (row * resolution + place % resolution);
      const color = kind === "regions" ? region(value) : level(value);
      image.data.set([...color, 255], pixel);
    });
    small.getContext("2d").putImageData(image, 0, 0);
    return small;
  }

  function arrows(pen, values, width, height) {
    const cell = Math.min(width, height) / resolution;
    pen.strokeStyle = css(CYCLE[0]);
    pen.lineWidth = 1.5;
    for (let place = 0; place < resolution ** 2; place += 1) {
      const column = place % resolution, row = Math.floor(place / resolution);
      const x = left + (column + 0.5) * width / resolution;
      const y = top + height - (row + 0.5) * height / resolution;
      // From the tail to the head; up is less on a canvas.
      const [dx, dy] = [values[2 * place], -values[2 * place + 1]]
        .map((part) => part / 100 * cell * 0.9);
      const angle = Math.atan2(dy, dx), head = Math.hypot(dx, dy) * 0.35;
      const [endX, endY] = [x + dx / 2, y + dy / 2];
      pen.beginPath();
      pen.moveTo(x - dx / 2, y - dy / 2);
      pen.lineTo(endX, endY);
      for (const side of [2.6, -2.6]) {
        pen.moveTo(endX, endY);
        pen.lineTo(endX + head * Math.cos(angle + side),
          endY + head * Math.sin(angle + side));
      }
      pen.stroke();
    }
  }

  function axes(pen, width, height) {
    pen.strokeStyle = pen.fillStyle = "#222";
    pen.lineWidth = 1;
    pen.font = "14px system-ui, sans-serif";
    pen.strokeRect(left, top, width, height);
    for (let tick = 0; tick <= 2; tick += 1) {
      const [x, y] = ranges.map(
        ([least, most]) => (least + (most - least) * tick / 2).toPrecision(3));
      pen.textAlign = ["left", "center", "right"][tick];
      pen.textBaseline = "top";
      pen.fillText(x, left + width * tick / 2, top + height + 4);
      pen.textAlign = "right";
      pen.textBaseline = ["bottom", "middle", "top"][tick];
      pen.fillText(y, left - 4, top + height * (1 - tick / 2));
    }
    pen.textAlign = "center";
    pen.textBaseline = "top";
    pen.fillText(`observation ${dimensions[0]}`, left + width / 2,
      top + height + 24);
    pen.save();
    pen.translate(2, top + height / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText(`observation ${dimensions[1]}`, 0, 0);
    pen.restore();
  }

  function explain() {
    const swatch = (color, text) => {
      const item = document.createElement("span");
      const box = document.createElement("i");
      box.style.background = color;
      item.append(box, text);
      legend.append(item);
    };
    if (kind === "regions") {
      const shown = new Set(maps.flatMap((map) => map.values));
      for (const action of [...shown].sort((a, b) => a - b).slice(0, 12)) {
        swatch(css(region(action)), `action ${low + action}`);
      }
    } else if (kind === "scale") {
      for (const share of [0, 0.5, 1]) {
        const value = low + (high - low) * share;
        swatch(css(level(255 * share)), `action ${value.toPrecision(3)}`);
      }
    } else {
      legend.append("Arrows: components 0 and 1 of the action; the longest is " +
        high.toPrecision(3));
    }
  }

  function draw() {
    const map = maps[slider.value];
    const outside = Math.max(Math.min(canvas.parentNode.clientWidth, 560), 240);
    const width = outside - left - right, height = Math.round(width * 0.8);
    const zoom = window.devicePixelRatio || 1;
    canvas.width = outside * zoom;
    canvas.height = (height + top + bottom) * zoom;
    canvas.style.width = `${outside}px`;
    const pen = canvas.getContext("2d");
    pen.scale(zoom, zoom);
    if (kind === "field") {
      arrows(pen, map.values, width, height);
    } else {
      pen.imageSmoothingEnabled = false;
      pen.drawImage(points(map.values), left, top, width, height);
    }
    axes(pen, width, height);
    caption.textContent = when(map);
  }

  slider.addEventListener("input", draw);
  window.addEventListener("resize", draw);
  explain();
  draw();
}

if (document.getElementById("stages")) histogram();
if (document.getElementById("maps")) policyMap();
