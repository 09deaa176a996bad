/* The page: puts circuit, values, truth table and front together. */
"use strict";

const TABLE_ROWS = 128;
const NOTHING = { node: null, bit: null };
const TALLEST = 620;
const LOWEST = 300;

class Viewer {
  constructor(data) {
    this.data = data;
    this.root = document.querySelector(".viewer");
    this.inputNames = bitNames(data.inputs);
    const lines = (text) => (text ? text.split(" ") : []);
    this.rows = lines(data.vectors.inputs);
    this.expected = lines(data.vectors.expected);
    this.places = new Map(this.rows.map((row, place) => [row, place]));
    this.bits = this.rows[0] || "0".repeat(this.inputNames.length);
    /* What is described: what is pointed at, else what was chosen; each a node and an output bit. */
    this.chosen = this.pointed = NOTHING;
    this.listeners = [];
    this.find = (name) => this.root.querySelector(`[data-part="${name}"]`);
    this.svg = this.find("schematic");
    this.schematic = null;
    this.buildPanel();
    this.wire();
  }

  /* Which vector of the file is shown; -1 if the file does not have it or the page left it out. */
  get place() {
    return this.places.has(this.bits) ? this.places.get(this.bits) : -1;
  }

  number(place) {
    return this.data.vectors.numbers ? this.data.vectors.numbers[place] : place;
  }

  async open(index) {
    this.circuit = new Circuit(this.data.circuits[index], this.data.inputs, this.data.outputs);
    this.index = index;
    this.schematic = null;
    this.chosen = this.pointed = NOTHING;
    this.find("find").value = "";
    this.fillNames();
    this.update();
    for (const listener of this.listeners) listener();
    await this.drawSchematic();
  }

  async drawSchematic() {
    const { circuit } = this;
    const note = this.find("note");
    const canvas = this.root.querySelector(".canvas");
    canvas.dataset.state = "working";
    this.svg.replaceChildren();
    if (circuit.count > this.data.limit) {
      note.textContent = `The circuit has ${circuit.count} cells and is not drawn: above ` +
        `${this.data.limit} cells a schematic is too slow. Values and truth table work.`;
      canvas.dataset.state = "too-large";
      return;
    }
    note.textContent = "Laying out…";
    const schematic = new Schematic(this.svg, circuit, {
      toggle: (bit) => this.toggle(bit),
      choose: (node, bit) => this.choose(
        node === this.chosen.node && bit === this.chosen.bit ? NOTHING : { node, bit }),
      point: (node, bit) => this.point({ node, bit }),
    });
    try {
      await schematic.layOut();
    } catch (error) {
      note.textContent = `The schematic could not be laid out (${error.message}). ` +
        "Values and truth table work.";
      canvas.dataset.state = "failed";
      return;
    }
    if (this.circuit !== circuit) return;
    this.schematic = schematic;
    const scale = schematic.view.opening(canvas.clientWidth, TALLEST);
    const tall = Math.round(scale * schematic.graph.height);
    canvas.style.height = `${Math.min(TALLEST, Math.max(LOWEST, tall))}px`;
    schematic.view.open();
    note.textContent = "";
    canvas.dataset.state = "drawn";
    this.update();
  }

  /* Values */

  set(bits) {
    this.bits = bits;
    this.update();
  }

  toggle(bit) {
    const flipped = this.bits[bit] === "1" ? "0" : "1";
    this.set(this.bits.slice(0, bit) + flipped + this.bits.slice(bit + 1));
  }

  step(by) {
    if (!this.rows.length) return;
    const from = this.place < 0 ? (by > 0 ? -1 : 0) : this.place;
    this.set(this.rows[(from + by + this.rows.length) % this.rows.length]);
  }

  update() {
    const results = this.circuit.compute(this.bits);
    const { place } = this;
    const expected = place < 0 ? null : this.expected[place];
    if (this.schematic) this.schematic.show(expected);
    this.showValues(results, expected);
    const field = this.find("vector");
    if (document.activeElement !== field || place >= 0)
      field.value = place < 0 ? "" : this.number(place);
    this.describe();
    for (const row of document.querySelectorAll("#truth tr[aria-current]"))
      row.removeAttribute("aria-current");
    if (place >= 0)
      document.querySelector(`#truth tr[data-place="${place}"]`)
        ?.setAttribute("aria-current", "true");
  }

  buildPanel() {
    const fill = (body, ports, isInput) => {
      let start = 0;
      return ports.map((port) => {
        const bits = [];
        for (let bit = port.width - 1; bit >= 0; bit--) {
          const number = start + bit;
          const name = port.width === 1 ? port.name : `${port.name}[${bitIndex(port, bit)}]`;
          const button = make(isInput ? "button" : "span", { class: "value-bit", title: name });
          if (isInput) {
            button.type = "button";
            button.setAttribute("aria-label", `toggle ${name}`);
            button.addEventListener("click", () => this.toggle(number));
          }
          bits.push([number, button]);
        }
        start += port.width;
        /* As wide as its largest number, so that nothing moves with the value. */
        const digits = port.width > 1 ? decimal("1".repeat(port.width)).length : 0;
        const sum = make("td", { class: "value-number" });
        sum.style.minWidth = `${digits}ch`;
        const title = make("th", { scope: "row", title: port.name }, shorten(port.name, 80));
        const cell = make("td", { class: "value-bits" });
        bits.forEach(([, button]) => cell.append(button));
        const long = port.width > 8 || port.name.length > 40 - 4 * port.width;
        body.append(make("tr", { class: long ? "long" : "short" }, title, cell, sum));
        return { bits, sum };
      });
    };
    this.inputRows = fill(this.find("inputs"), this.data.inputs, true);
    this.outputRows = fill(this.find("outputs"), this.data.outputs, false);
  }

  showValues(results, expected) {
    const show = (rows, ports, bits, wanted) => {
      const parts = slices(ports, bits);
      rows.forEach(({ bits: cells, sum }, port) => {
        for (const [number, cell] of cells) {
          cell.textContent = bits[number];
          cell.classList.toggle("one", bits[number] === "1");
          const wrong = wanted && wanted[number] !== "-" && wanted[number] !== bits[number];
          cell.classList.toggle("wrong", !!wrong);
        }
        sum.textContent = ports[port].width > 1 ? decimal(parts[port]) : "";
      });
    };
    show(this.inputRows, this.data.inputs, this.bits, null);
    show(this.outputRows, this.data.outputs, results, expected);
    const verdict = this.find("verdict");
    const free = expected && [...expected].every((bit) => bit === "-");
    const wrong = expected && [...expected].some((bit, at) => bit !== "-" && bit !== results[at]);
    verdict.className = `verdict ${expected && !free ? (wrong ? "bad" : "good") : "none"}`;
    if (free) verdict.textContent = "not specified: every output is a don't-care here";
    else if (!expected) verdict.textContent = "not among the vectors";
    else if (!wrong)
      verdict.textContent = expected.includes("-") ? "as expected where specified" : "as expected";
    else
      verdict.textContent = shorten("expected " + slices(this.data.outputs, expected)
        .map((bits, port) => `${this.data.outputs[port].name} = ${binary(bits)}`).join(", "), 400);
  }

  /* Cells */

  point(place) {
    this.pointed = place;
    this.describe();
  }

  choose(place) {
    this.chosen = place;
    this.describe();
  }

  /* Mark and describe what is pointed at or chosen, with the values that it has now. */
  describe() {
    const { node, bit } = this.pointed.node === null ? this.chosen : this.pointed;
    if (this.schematic) this.schematic.mark(node || null);
    const box = this.find("details");
    if (node === null) {
      box.replaceChildren(make("p", { class: "muted" },
        "Point at a cell, tap it or search for its name to see its expression and cones."));
      return;
    }
    const { circuit } = this;
    const list = make("dl");
    const add = (term, text) =>
      list.append(make("div", {}, make("dt", {}, term), make("dd", {}, text)));
    const texts = [];
    if (bit !== null)
      texts.push(`${circuit.outputNames[bit]} = ${circuit.text(circuit.drive[bit])}`);
    const isCell = node >= circuit.first;
    if (isCell) texts.push(`${circuit.name(node)} = ${circuit.expression(node)}`);
    else if (bit === null) texts.push(circuit.name(node));
    add("value", String(bit === null ? circuit.values[node] : circuit.value(circuit.drive[bit])));
    if (isCell) this.addFanin(add, node);
    if (node) this.addFanout(add, node);
    box.replaceChildren(...texts.map((text) => make("p", { class: "expression" }, text)), list);
  }

  addFanin(add, node) {
    const { circuit } = this;
    const cone = [...circuit.faninCone(node)];
    const sources = cone.filter((at) => at < circuit.first).sort((a, b) => a - b);
    const cells = cone.length - sources.length;
    add("level", String(circuit.level(node)));
    add("fan-in", `${cells} ${cells === 1 ? "cell" : "cells"} on ` +
      (shorten(sources.map((at) => circuit.name(at)).join(", "), 400) || "no input"));
  }

  addFanout(add, node) {
    const { circuit } = this;
    const { cone, outputs } = circuit.fanoutCone(node);
    const after = cone.size - 1;
    const reached = outputs.map((bit) => circuit.outputNames[bit]).join(", ");
    add("fan-out", `${after} ${after === 1 ? "cell" : "cells"} to ` +
      (shorten(reached, 400) || "no output"));
  }

  fillNames() {
    const list = this.find("names");
    const names = [];
    for (let node = 1; node < this.circuit.nodes; node++) names.push(this.circuit.name(node));
    list.replaceChildren(...names.map((name) => make("option", { value: name })));
    this.placeOf = new Map(names.map((name, at) => [name, { node: 1 + at, bit: null }]));
    this.circuit.drive.forEach((literal, bit) => {
      const name = this.circuit.outputNames[bit];
      if (this.placeOf.has(name)) return;
      this.placeOf.set(name, { node: literal >> 1, bit });
      list.append(make("option", { value: name }));
    });
  }

  search(text) {
    const field = this.find("find");
    const name = text.trim();
    const place = this.placeOf.get(name);
    field.setAttribute("aria-invalid", name && !place ? "true" : "false");
    this.choose(place || NOTHING);
    if (place && this.schematic) this.schematic.seek(place.node, place.bit);
  }

  /* Controls */

  wire() {
    const on = (name, type, handler) => this.find(name).addEventListener(type, handler);
    on("previous", "click", () => this.step(-1));
    on("next", "click", () => this.step(1));
    on("zoom-in", "click", () => this.view?.zoom(1.3));
    on("zoom-out", "click", () => this.view?.zoom(1 / 1.3));
    on("fit", "click", () => this.view?.fit());
    on("vector", "change", (event) => {
      const wanted = Number(event.target.value);
      const { numbers } = this.data.vectors;
      const place = numbers ? numbers.indexOf(wanted) : wanted;
      if (event.target.value !== "" && this.rows[place] !== undefined) this.set(this.rows[place]);
      else this.update();
    });
    on("find", "input", (event) => this.search(event.target.value));
    const select = this.find("circuits");
    if (select) select.addEventListener("change", () => this.open(Number(select.value)));
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.wirePointer();
    window.addEventListener("beforeprint", () => this.view?.frame(true));
    window.addEventListener("afterprint", () => this.view?.frame(false));
    new ResizeObserver(() => this.view?.resize()).observe(this.svg);
  }

  get view() {
    return this.schematic?.view;
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Escape") {
      this.pointed = NOTHING;
      this.choose(NOTHING);
      return;
    }
    if (["INPUT", "SELECT"].includes(event.target.tagName)) return;
    const actions = event.shiftKey && event.key.startsWith("Arrow") ? {
      ArrowRight: () => this.view?.pan(-60, 0),
      ArrowLeft: () => this.view?.pan(60, 0),
      ArrowDown: () => this.view?.pan(0, -60),
      ArrowUp: () => this.view?.pan(0, 60),
    } : {
      ArrowRight: () => this.step(1),
      ArrowLeft: () => this.step(-1),
      "+": () => this.view?.zoom(1.3),
      "-": () => this.view?.zoom(1 / 1.3),
      0: () => this.view?.fit(),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }

  /* One pointer moves the drawing, two move and zoom it. */
  wirePointer() {
    const held = new Map();
    let moved = 0;
    const middle = () => {
      const at = [...held.values()];
      const [x, y] = [0, 1].map((axis) =>
        at.reduce((sum, point) => sum + point[axis], 0) / at.length);
      return { x, y, spread: Math.hypot(at[0][0] - x, at[0][1] - y) };
    };
    this.svg.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      if (!held.size) moved = 0;
      if (held.size < 2) held.set(event.pointerId, [event.clientX, event.clientY]);
    });
    window.addEventListener("pointermove", (event) => {
      if (!held.has(event.pointerId) || !this.view) return;
      const [x, y] = held.get(event.pointerId);
      moved += Math.abs(event.clientX - x) + Math.abs(event.clientY - y);
      if (moved < 4) return;
      const before = middle();
      held.set(event.pointerId, [event.clientX, event.clientY]);
      const after = middle();
      this.svg.classList.add("panning");
      this.view.pan(after.x - before.x, after.y - before.y);
      if (held.size < 2) return;
      const box = this.svg.getBoundingClientRect();
      this.view.zoom(after.spread / Math.max(1, before.spread), after.x - box.left, after.y - box.top);
    });
    /* A touch that the browser takes for scrolling is cancelled, not ended. */
    for (const end of ["pointerup", "pointercancel"])
      window.addEventListener(end, (event) => {
        held.delete(event.pointerId);
        if (!held.size) this.svg.classList.remove("panning");
      });
    /* What ends a drag is no click on what lies under it. */
    this.svg.addEventListener("click", (event) => {
      if (moved >= 4) event.stopPropagation();
    }, true);
    this.svg.addEventListener("wheel", (event) => {
      if (!this.view || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      const box = this.svg.getBoundingClientRect();
      this.view.zoom(Math.exp(-event.deltaY / 300),
        event.clientX - box.left, event.clientY - box.top);
    }, { passive: false });
  }
}

/* The truth table: rows that fail first, then in order; a row opens in the circuit. */
class TruthTable {
  constructor(viewer) {
    this.viewer = viewer;
    this.section = document.getElementById("truth");
    this.body = this.section.querySelector("tbody");
    this.field = this.section.querySelector("[data-part=filter]");
    this.failing = this.section.querySelector("[data-part=failing]");
    this.more = this.section.querySelector("[data-part=more]");
    this.state = this.section.querySelector("[data-part=state]");
    this.limit = TABLE_ROWS;
    const restart = () => { this.limit = TABLE_ROWS; this.show(); };
    this.field.addEventListener("input", restart);
    this.failing.addEventListener("change", restart);
    this.more.addEventListener("click", () => { this.limit *= 4; this.show(); });
    viewer.listeners.push(() => { this.compute(); this.show(); });
  }

  compute() {
    const { rows, expected, data } = this.viewer;
    const circuit = new Circuit(data.circuits[this.viewer.index], data.inputs, data.outputs);
    this.rows = rows.map((bits, place) => {
      const got = circuit.compute(bits);
      const wanted = expected[place];
      const wrong = [...wanted].some((bit, at) => bit !== "-" && bit !== got[at]);
      const words = [String(this.viewer.number(place))];
      const values = new Map();
      [[data.inputs, bits], [data.outputs, wanted]].forEach(([ports, text]) => {
        slices(ports, text).forEach((part, port) => {
          values.set(ports[port].name, [decimal(part), binary(part)]);
          words.push(decimal(part), binary(part));
        });
      });
      const asked = /[01]/.test(wanted);
      return { place, bits, got, wanted, wrong, asked, words, values };
    });
    this.order = [...this.rows.filter((row) => row.wrong), ...this.rows.filter((row) => !row.wrong)];
  }

  /* Words must all be met: name=value by the value of a port, another by any cell's text. */
  meets(row, words) {
    return words.every((word) => {
      const at = word.indexOf("=");
      if (at > 0) {
        const known = row.values.get(word.slice(0, at));
        return known !== undefined && known.includes(word.slice(at + 1));
      }
      return row.words.some((text) => text.startsWith(word));
    });
  }

  show() {
    const words = this.field.value.trim().split(/\s+/).filter(Boolean);
    const met = this.order.filter((row) =>
      (row.wrong || !this.failing.checked) && this.meets(row, words));
    const shown = met.slice(0, this.limit);
    this.body.replaceChildren(...shown.map((row) => this.line(row)));
    this.more.hidden = met.length <= shown.length;
    const { count } = this.viewer.data.vectors;
    const failing = this.rows.filter((row) => row.wrong).length;
    this.state.textContent = `${met.length} of ${count} vectors` +
      (this.rows.length < count ? ` (the page holds ${this.rows.length})` : "") +
      (failing ? `, ${failing} failing` : ", none fails") +
      (met.length > shown.length ? `; the first ${shown.length} are listed` : "");
    this.viewer.update();
  }

  line(row) {
    const { data } = this.viewer;
    const line = make("tr", { "data-place": row.place });
    if (row.wrong) line.className = "failing";
    const open = make("button", { type: "button", class: "link" }, this.viewer.number(row.place));
    open.setAttribute("aria-label", `show vector ${this.viewer.number(row.place)} in the circuit`);
    open.addEventListener("click", () => {
      this.viewer.set(row.bits);
      document.getElementById("circuit").scrollIntoView({ block: "start" });
    });
    line.append(make("td", { class: "index" }, open));
    const add = (ports, text, got) => slices(ports, text).forEach((part, port) => {
      const cell = make("td", {}, make("span", { class: "digits" }, binary(part)));
      if (part.length > 1) cell.append(make("span", { class: "decimal" }, decimal(part)));
      const real = got && slices(ports, got)[port];
      if (real && [...part].some((bit, at) => bit !== "-" && bit !== real[at]))
        cell.append(make("span", { class: "got" }, `got ${binary(real)}`));
      line.append(cell);
    });
    add(data.inputs, row.bits, null);
    add(data.outputs, row.wanted, row.got);
    const [state, word] = row.wrong ? ["bad", "fails"]
      : row.asked ? ["good", "ok"] : ["none", "don't care"];
    line.append(make("td", {}, make("span", { class: `pill ${state}` }, word)));
    return line;
  }
}

/* The front of a discovery: a point opens its circuit. */
function wireFront(viewer) {
  const points = [...document.querySelectorAll("[data-circuit]")];
  const open = (index) => {
    const select = viewer.find("circuits");
    if (select) select.value = String(index);
    document.getElementById("circuit").scrollIntoView({ block: "start" });
    return viewer.open(index);
  };
  for (const point of points) {
    const index = Number(point.dataset.circuit);
    point.addEventListener("click", () => open(index));
    point.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      open(index);
    });
  }
  viewer.listeners.push(() => {
    for (const point of points)
      point.classList.toggle("current", Number(point.dataset.circuit) === viewer.index);
  });
}

const viewer = new Viewer(JSON.parse(document.getElementById("data").textContent));
new TruthTable(viewer);
wireFront(viewer);
viewer.open(0);
