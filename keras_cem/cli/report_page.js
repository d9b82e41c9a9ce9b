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
    const counts = new Array(bins).fill(0);
    for (const value of stage.returns) {
      const bin = Math.floor((value - low) / (high - low) * bins);
      counts[Math.min(bin, bins - 1)] += 1;
    }
    const most = Math.max(...counts), floor = height - bottom;
    // A unit is a pixel, so that text is as large as any.
    const width = Math.max(plot.clientWidth, 200);
    plot.setAttribute("viewBox", `0 0 ${width} ${height}`);
    plot.replaceChildren();
    counts.forEach((count, bin) => add(plot, "rect", {
      x: bin * width / bins, width: width / bins - 1, fill: "#0072B2",
      y: floor * (1 - count / most), height: floor * count / most,
    }));
    const threshold = stage.elite_threshold;
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
        : `elite threshold ${threshold.toPrecision(4)}`);
  }

  slider.addEventListener("input", draw);
  window.addEventListener("resize", draw);
  draw();
}

if (document.getElementById("stages")) histogram();
