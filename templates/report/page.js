/* The page: puts circuit, values, truth table and front together. */
"use strict";

const TABLE_ROWS = 128;

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
    this.chosen = null;
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
    this.choose(null);
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
        `${this.data.limit} a schematic says little and takes long. Values and truth table work.`;
      canvas.dataset.state = "too-large";
      return;
    }
    note.textContent = "Laying out…";
    const schematic = new Schematic(this.svg, circuit, {
      toggle: (bit) => this.toggle(bit),
      choose: (node) => this.choose(node === this.chosen ? null : node),
      hover: (node) => this.hover(node),
    });
    try {
      await schematic.layOut();
    } catch (error) {
      note.textContent = `The schematic could not be laid out here (${error.message}). ` +
        "Values and truth table work.";
      canvas.dataset.state = "failed";
      return;
    }
    if (this.circuit !== circuit) return;
    this.schematic = schematic;
    const tall = schematic.graph.height * canvas.clientWidth / schematic.graph.width;
    canvas.style.height = `${Math.min(620, Math.max(300, Math.round(tall)))}px`;
    note.textContent = "";
    canvas.dataset.state = "drawn";
    this.update();
    schematic.mark(this.chosen);
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
    if (this.chosen !== null) this.describe(this.chosen);
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
        const sum = make("td", { class: "value-number" });
        const title = make("th", { scope: "row", title: port.name }, shorten(port.name, 24));
        const cell = make("td", { class: "value-bits" });
        bits.forEach(([, button]) => cell.append(button));
        body.append(make("tr", {}, title, cell, sum));
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
      verdict.textContent = "expected " + slices(this.data.outputs, expected)
        .map((bits, port) => `${this.data.outputs[port].name} = ${binary(bits)}`).join(", ");
  }

  /* Cells */

  hover(node) {
    const shown = node === null ? this.chosen : node;
    if (this.schematic) this.schematic.mark(shown);
    this.describe(shown);
  }

  choose(node) {
    this.chosen = node;
    this.hover(node);
  }

  describe(node) {
    const box = this.find("details");
    if (node === null) {
      box.replaceChildren(make("p", { class: "muted" },
        "Point at a cell or find one by name to see its expression and its cones."));
      return;
    }
    const { circuit } = this;
    const cone = [...circuit.faninCone(node)];
    const sources = cone.filter((at) => at < circuit.first && at !== node).sort((a, b) => a - b);
    const cells = cone.filter((at) => at >= circuit.first).length;
    const fanout = circuit.fanoutCone(node);
    const list = make("dl");
    const add = (term, ...text) => list.append(make("dt", {}, term), make("dd", {}, ...text));
    const isCell = node >= circuit.first;
    add("value", String(circuit.values[node]));
    if (isCell) {
      add("level", String(circuit.level(node)));
      add("fan-in", `${cells} ${cells === 1 ? "cell" : "cells"} on ` +
        (shorten(sources.map((at) => circuit.name(at)).join(", "), 120) || "no input"));
    }
    const after = fanout.cone.size - 1;
    const reached = fanout.outputs.map((bit) => circuit.outputNames[bit]).join(", ");
    add("fan-out", `${after} ${after === 1 ? "cell" : "cells"} to ` +
      (shorten(reached, 120) || "no output"));
    const text = isCell ? `${circuit.name(node)} = ${circuit.expression(node)}`
      : `${circuit.name(node)}`;
    box.replaceChildren(make("p", { class: "expression" }, text), list);
  }

  fillNames() {
    const list = this.find("names");
    const names = [];
    for (let node = 1; node < this.circuit.nodes; node++) names.push(this.circuit.name(node));
    list.replaceChildren(...names.map((name) => make("option", { value: name })));
    this.nodeOf = new Map(names.map((name, place) => [name, 1 + place]));
    this.circuit.drive.forEach((literal, bit) => {
      const name = this.circuit.outputNames[bit];
      if (literal > 1 && !this.nodeOf.has(name)) {
        this.nodeOf.set(name, literal >> 1);
        list.append(make("option", { value: name }));
      }
    });
  }

  search(text) {
    const field = this.find("find");
    const node = this.nodeOf.get(text.trim());
    field.setAttribute("aria-invalid", text.trim() && node === undefined ? "true" : "false");
    if (node === undefined) return;
    this.choose(node);
    if (this.schematic) this.schematic.centre(node);
  }

  /* Controls */

  wire() {
    const on = (name, type, handler) => this.find(name).addEventListener(type, handler);
    on("previous", "click", () => this.step(-1));
    on("next", "click", () => this.step(1));
    on("zoom-in", "click", () => this.schematic?.zoom(1.3));
    on("zoom-out", "click", () => this.schematic?.zoom(1 / 1.3));
    on("fit", "click", () => this.schematic?.fit());
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
    window.addEventListener("beforeprint", () => this.schematic?.frame(true));
    window.addEventListener("afterprint", () => this.schematic?.frame(false));
    new ResizeObserver(() => this.schematic?.fit()).observe(this.svg);
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Escape") {
      this.choose(null);
      return;
    }
    if (["INPUT", "SELECT"].includes(event.target.tagName)) return;
    const actions = {
      ArrowRight: () => this.step(1),
      ArrowLeft: () => this.step(-1),
      "+": () => this.schematic?.zoom(1.3),
      "-": () => this.schematic?.zoom(1 / 1.3),
      0: () => this.schematic?.fit(),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }

  wirePointer() {
    let last = null;
    let moved = 0;
    this.svg.addEventListener("pointerdown", (event) => {
      if (event.button === 0) last = [event.clientX, event.clientY];
      moved = 0;
    });
    window.addEventListener("pointermove", (event) => {
      if (!last || !this.schematic) return;
      const [dx, dy] = [event.clientX - last[0], event.clientY - last[1]];
      moved += Math.abs(dx) + Math.abs(dy);
      if (moved < 4) return;
      last = [event.clientX, event.clientY];
      this.svg.classList.add("panning");
      this.schematic.pan(dx, dy);
    });
    window.addEventListener("pointerup", () => {
      last = null;
      this.svg.classList.remove("panning");
    });
    /* What ends a drag is no click on what lies under it. */
    this.svg.addEventListener("click", (event) => {
      if (moved >= 4) event.stopPropagation();
    }, true);
    this.svg.addEventListener("wheel", (event) => {
      if (!this.schematic || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      const box = this.svg.getBoundingClientRect();
      this.schematic.zoom(Math.exp(-event.deltaY / 300),
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
      return { place, bits, got, wanted, wrong, words, values };
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
    line.append(make("td", {}, make("span",
      { class: row.wrong ? "pill bad" : "pill good" }, row.wrong ? "fails" : "ok")));
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
