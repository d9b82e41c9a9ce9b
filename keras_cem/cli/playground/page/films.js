// Films of the environment, shown again and again.

import {byId, short} from "./draw.js";

const still = matchMedia("(prefers-reduced-motion: reduce)");

class Film {
  constructor(name) {
    this.canvas = byId(`film-${name}`);
    this.about = byId(`about-${name}`);
    this.given = null;
    this.shown = -1;
  }

  show(film, explored, undrawn) {
    if (!film) this.about.textContent = undrawn ? "" : "Being filmed.";
    if (film === this.given) return;
    this.given = film;
    this.image = null;
    if (!film) {
      this.canvas.width = this.canvas.height = 0;
      return;
    }
    const image = new Image();
    image.src = film.image;
    image.decode().then(() => {
      if (film !== this.given) return;
      [this.canvas.width, this.canvas.height] = [film.width, film.height];
      Object.assign(this, {image, shown: -1, begun: performance.now()});
      const [first, last] = film.iterations;
      const when = first === last ? `after iteration ${first}`
        : `during iterations ${first} to ${last}`;
      this.about.textContent = `${film.ended ? "Return" : "Return so far"} ` +
        `${short(film.return)} in ${film.steps} step${film.steps === 1 ? "" : "s"}` +
        (explored ? `, epsilon ${short(film.epsilon)}` : "") + `, ${when}.`;
    }).catch(() => {});
  }

  draw(now) {
    if (!this.image) return;
    const {frames, width, height, seconds} = this.given;
    // At least a second, and a pause at the end.
    const length = Math.max(seconds, 1) * 1000;
    const place = (now - this.begun) % (length + 700);
    const frame = still.matches ? 0
      : Math.min(Math.floor(place / length * frames), frames - 1);
    if (frame === this.shown) return;
    this.shown = frame;
    this.canvas.getContext("2d").drawImage(this.image, 0, frame * height, width,
      height, 0, 0, width, height);
  }
}

const greedy = new Film("greedy"), explored = new Film("explored");

export function films(parts) {
  greedy.show(parts.greedy, false, parts.undrawn);
  explored.show(parts.explored, true, parts.undrawn);
  byId("undrawn").textContent = parts.undrawn
    ? `This environment cannot be drawn. ${parts.undrawn}` : "";
}

export function play(now) {
  greedy.draw(now);
  explored.draw(now);
}
