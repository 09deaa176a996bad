/* The view of a drawing: which part of it is shown, and how large. */
"use strict";

/* Scale at which names in the drawing can be read, one at which they are still guessed, and one
   below which they are only noise and are not drawn. */
const READABLE = 0.8;
const LEGIBLE = 0.6;
const FAR = 0.5;
const LARGEST = 6;
/* Narrower areas are those of phones: the whole drawing would be a thumbnail there. */
const NARROW = 600;

class View {
  /* stage: the group that is scaled and moved in svg; width and height are those of the drawing. */
  constructor(svg, stage, width, height, anchor) {
    Object.assign(this, { svg, stage, width, height, anchor, scale: 1, x: 0, y: 0 });
    this.touched = false;
  }

  get box() {
    const { width, height } = this.svg.getBoundingClientRect();
    return { width: width || 800, height: height || 500 };
  }

  /* Scale at which the whole drawing is shown. */
  get whole() {
    const { width, height } = this.box;
    return Math.min(width / this.width, height / this.height, 1.6);
  }

  get least() {
    return Math.min(this.whole, 0.2) / 2;
  }

  /* Scale of the first view in an area of a width and of at most a height: the whole drawing where
     its names can be read then, or where there is far too much of it; else a readable part. */
  opening(width, height) {
    const whole = Math.min(width / this.width, height / this.height, 1.6);
    const much = READABLE * Math.max(this.width / width, this.height / height) > 2;
    return whole >= LEGIBLE || (width >= NARROW && much) ? whole : READABLE;
  }

  open() {
    const { width, height } = this.box;
    this.scale = this.opening(width, height);
    /* A part begins at the inputs. */
    this.x = (width - this.scale * this.width) / 2;
    if (this.x < 0) this.x = 0;
    this.y = height / 2 - this.scale * this.anchor;
    this.keep(0);
    this.touched = false;
    this.apply();
  }

  fit() {
    this.scale = this.whole;
    this.keep(0);
    this.touched = false;
    this.apply();
  }

  /* The area has another size: what was in the middle stays there if somebody chose it. */
  resize() {
    const { width, height } = this.box;
    if (this.last && this.last.width === width && this.last.height === height) return;
    if (!this.touched || !this.last) this.open();
    else this.pan((width - this.last.width) / 2, (height - this.last.height) / 2);
  }

  /* Keep the drawing in the area: at most a share of the area stays empty beside a large one, and
     a small one is in the middle where nothing may stay empty, else anywhere inside. */
  keep(share) {
    const limit = (at, size, room) => {
      if (size <= room && !share) return (room - size) / 2;
      const [low, high] = size <= room ? [0, room - size] : [room - size, 0];
      return Math.min(high + share * room, Math.max(low - share * room, at));
    };
    const { width, height } = this.box;
    this.x = limit(this.x, this.scale * this.width, width);
    this.y = limit(this.y, this.scale * this.height, height);
  }

  apply() {
    const { scale, x, y } = this;
    this.stage.setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
    this.svg.classList.toggle("far", scale < FAR);
    this.last = this.box;
  }

  zoom(factor, x, y) {
    const { width, height } = this.box;
    const at = [x ?? width / 2, y ?? height / 2];
    const scale = Math.min(LARGEST, Math.max(this.least, this.scale * factor));
    const ratio = scale / this.scale;
    this.x = at[0] - ratio * (at[0] - this.x);
    this.y = at[1] - ratio * (at[1] - this.y);
    this.scale = scale;
    this.move();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.move();
  }

  move() {
    this.keep(0.5);
    this.touched = true;
    this.apply();
  }

  /* Bring a part of the drawing into the middle, large enough to read; nothing moves if it is seen
     well already, and no more of the area stays empty than need be. */
  show({ x, y, width, height }) {
    const box = this.box;
    const seen = (at, size, room) => at >= 4 && at + size <= room - 4;
    if (this.scale >= LEGIBLE && seen(this.x + this.scale * x, this.scale * width, box.width) &&
        seen(this.y + this.scale * y, this.scale * height, box.height)) return;
    this.scale = Math.max(this.scale, READABLE);
    this.x = box.width / 2 - this.scale * (x + width / 2);
    this.y = box.height / 2 - this.scale * (y + height / 2);
    this.keep(0);
    this.touched = true;
    this.apply();
  }

  /* For paper, whose size no script knows: the whole drawing, scaled by the renderer. */
  frame(whole) {
    if (whole) {
      this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
      this.stage.removeAttribute("transform");
      this.svg.classList.remove("far");
    } else {
      this.svg.removeAttribute("viewBox");
      this.apply();
    }
  }
}
