/* The circuit: values computed from the netlist, drawn as a schematic that can be worked with. */
"use strict";

const NAMESPACE = "http://www.w3.org/2000/svg";
const PIN_PITCH = 24;
const PORT_WIDTH = 92;
const WIDEST_PORT = 200;
const LETTER = 7.3;

function make(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function draw(name, attributes, ...children) {
  const node = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/* The index of a bit in the range that its port is declared with. */
function bitIndex(port, bit) {
  return port.low + port.step * bit;
}

function bitNames(ports) {
  return ports.flatMap((port) =>
    port.width === 1 ? [port.name]
      : Array.from({ length: port.width }, (_, bit) => `${port.name}[${bitIndex(port, bit)}]`));
}

/* Ports are as wide as their names, up to a limit; longer names are shortened. */
function portWidth(port) {
  return Math.min(WIDEST_PORT, Math.max(PORT_WIDTH, Math.ceil(LETTER * port.name.length) + 16));
}

function shorten(text, most) {
  return text.length <= most ? text : text.slice(0, most - 1) + "…";
}

/* Values of a port's bits, bit 0 first, as text. */
function decimal(bits) {
  if (bits.includes("-")) return "–";
  return BigInt("0b" + [...bits].reverse().join("")).toString();
}

function binary(bits) {
  return [...bits].reverse().join("");
}

function slices(ports, bits) {
  let start = 0;
  return ports.map((port) => bits.slice(start, (start += port.width)));
}

/* A majority-inverter graph; literal 2 n is node n, 2 n + 1 its complement, node 0 is false. */
class Circuit {
  constructor(record, inputs, outputs) {
    this.title = record.title;
    this.prefix = record.prefix;
    this.inputs = inputs;
    this.outputs = outputs;
    this.inputNames = bitNames(inputs);
    this.outputNames = bitNames(outputs);
    this.fanin = Int32Array.from(record.cells);
    this.drive = Int32Array.from(record.drive);
    this.first = 1 + this.inputNames.length;
    this.count = this.fanin.length / 3;
    this.nodes = this.first + this.count;
    this.values = new Uint8Array(this.nodes);
    this.users = null;
  }

  literals(node) {
    const row = 3 * (node - this.first);
    return [this.fanin[row], this.fanin[row + 1], this.fanin[row + 2]];
  }

  /* Kind of a cell and the literals that are drawn as its pins. */
  gate(node) {
    const literals = this.literals(node);
    for (const [constant, kind] of [[0, "and"], [1, "or"]]) {
      const place = literals.indexOf(constant);
      if (place >= 0) {
        literals.splice(place, 1);
        return { kind, literals };
      }
    }
    return { kind: "maj", literals };
  }

  value(literal) {
    return this.values[literal >> 1] ^ (literal & 1);
  }

  compute(bits) {
    const { fanin, values, first } = this;
    for (let bit = 0; bit < first - 1; bit++) values[1 + bit] = bits[bit] === "1" ? 1 : 0;
    for (let cell = 0, row = 0; cell < this.count; cell++, row += 3) {
      const sum = this.value(fanin[row]) + this.value(fanin[row + 1]) + this.value(fanin[row + 2]);
      values[first + cell] = sum > 1 ? 1 : 0;
    }
    return this.results();
  }

  results() {
    let text = "";
    for (const literal of this.drive) text += this.value(literal);
    return text;
  }

  name(node) {
    return node < this.first ? this.inputNames[node - 1] : `${this.prefix}${node - this.first + 1}`;
  }

  text(literal) {
    return literal < 2 ? String(literal) : (literal & 1 ? "~" : "") + this.name(literal >> 1);
  }

  expression(node) {
    const { kind, literals } = this.gate(node);
    const texts = literals.map((literal) => this.text(literal));
    return kind === "maj" ? `maj(${texts.join(", ")})` : texts.join(kind === "and" ? " & " : " | ");
  }

  faninCone(node) {
    const cone = new Set();
    const stack = [node];
    while (stack.length) {
      const at = stack.pop();
      if (at === 0 || cone.has(at)) continue;
      cone.add(at);
      if (at >= this.first) stack.push(...this.literals(at).map((literal) => literal >> 1));
    }
    return cone;
  }

  /* Nodes that depend on a node, itself included, and the output bits that do. */
  fanoutCone(node) {
    if (!this.users) {
      this.users = Array.from({ length: this.nodes }, () => []);
      for (let at = this.first; at < this.nodes; at++)
        for (const literal of this.literals(at)) this.users[literal >> 1].push(at);
    }
    const cone = new Set();
    const stack = [node];
    while (stack.length) {
      const at = stack.pop();
      if (cone.has(at)) continue;
      cone.add(at);
      stack.push(...this.users[at]);
    }
    const outputs = [];
    this.drive.forEach((literal, bit) => { if (cone.has(literal >> 1)) outputs.push(bit); });
    return { cone, outputs };
  }

  level(node) {
    if (!this.levels) {
      this.levels = new Int32Array(this.nodes);
      for (let at = this.first; at < this.nodes; at++)
        this.levels[at] = 1 + Math.max(...this.literals(at).map((l) => this.levels[l >> 1]));
    }
    return this.levels[node];
  }
}

/* Layout: the Eclipse Layout Kernel in a worker, unpacked from the page. */
let kernel = null;

async function layoutKernel() {
  if (!kernel) {
    const packed = document.getElementById("layout-kernel");
    const octets = Uint8Array.from(atob(packed.textContent.trim()), (c) => c.charCodeAt(0));
    const stream = new Blob([octets]).stream().pipeThrough(new DecompressionStream("gzip"));
    const code = await new Response(stream).blob();
    const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    kernel = new ELK({ workerUrl: url });
  }
  return kernel;
}

const CELL_SIZE = { and: [46, 34], or: [46, 34], maj: [46, 48] };

function layoutGraph(circuit) {
  const children = [];
  const edges = [];
  const side = (name) => ({ "elk.port.side": name });
  const join = (literal, target) => {
    if (literal < 2) return;
    edges.push({ id: `${target}<`, sources: [`n${literal >> 1}`], targets: [target] });
  };
  const block = (port, place, start, isInput) => {
    const ports = [];
    const width = portWidth(port);
    for (let bit = 0; bit < port.width; bit++) {
      const row = port.width - 1 - bit;
      ports.push({
        id: isInput ? `n${1 + start + bit}` : `o${start + bit}`,
        x: isInput ? width : 0, y: 22 + PIN_PITCH * (row + 0.5), width: 0, height: 0,
        layoutOptions: side(isInput ? "EAST" : "WEST"),
      });
    }
    children.push({
      id: `${isInput ? "in" : "out"}${place}`,
      width, height: 26 + PIN_PITCH * port.width, ports,
      layoutOptions: {
        "elk.portConstraints": "FIXED_POS",
        "elk.layered.layering.layerConstraint": isInput ? "FIRST" : "LAST",
        "elk.position": `(0, ${start})`,
      },
    });
  };
  let start = 0;
  circuit.inputs.forEach((port, place) => {
    block(port, place, start, true);
    start += port.width;
  });
  for (let node = circuit.first; node < circuit.nodes; node++) {
    const { kind, literals } = circuit.gate(node);
    const [width, height] = CELL_SIZE[kind];
    const ports = literals.map((literal, pin) => {
      join(literal, `p${node}.${pin}`);
      return { id: `p${node}.${pin}`, width: 0, height: 0, layoutOptions: side("WEST") };
    });
    ports.push({ id: `n${node}`, width: 0, height: 0, layoutOptions: side("EAST") });
    children.push({
      id: `c${node}`, width, height, ports,
      layoutOptions: {
        "elk.portConstraints": "FIXED_SIDE",
        "elk.portAlignment.default": "DISTRIBUTED",
      },
    });
  }
  start = 0;
  circuit.outputs.forEach((port, place) => {
    block(port, place, start, false);
    start += port.width;
  });
  circuit.drive.forEach((literal, bit) => join(literal, `o${bit}`));
  /* Sweeps for few crossings: what takes a blink at 20 cells takes a minute at 2,000. */
  const small = circuit.count <= 80;
  const sweeps = small ? 20 : circuit.count <= 400 ? 7 : 1;
  return {
    id: "root", children, edges,
    layoutOptions: {
      "elk.algorithm": "layered",
      "elk.direction": "RIGHT",
      "elk.edgeRouting": "ORTHOGONAL",
      "elk.randomSeed": "1",
      /* Ports keep their order, by their positions; cells, which have none, go where they cross least. */
      "elk.layered.crossingMinimization.semiInteractive": "true",
      "elk.layered.thoroughness": String(sweeps),
      "elk.layered.nodePlacement.strategy": small ? "NETWORK_SIMPLEX" : "BRANDES_KOEPF",
      "elk.spacing.nodeNode": "16",
      "elk.spacing.edgeNode": "12",
      "elk.spacing.edgeEdge": "8",
      "elk.layered.spacing.nodeNodeBetweenLayers": "26",
      "elk.layered.spacing.edgeNodeBetweenLayers": "14",
      "elk.layered.spacing.edgeEdgeBetweenLayers": "8",
      "elk.padding": "[top=16,left=16,bottom=16,right=16]",
    },
  };
}

/* Outlines of the gates; an OR's inputs meet its curved back, PIN_DEPTH inside its box. */
const SHAPES = {
  and: "M4 2H23A15 15 0 0 1 23 32H4Z",
  or: "M3 2H14Q32 3 42 17Q32 31 14 32H3Q12 17 3 2Z",
  maj: "M4 2H30L42 24L30 46H4Z",
};
const TIP = { and: 38, or: 42, maj: 42 };

function backOf(kind, y, height) {
  if (kind !== "or") return 4;
  const along = (y - 2) / (height - 4);
  return 3 + 18 * along * (1 - along);
}

class Schematic {
  /* handlers: toggle(bit), choose(node), point(node or null, output bit or null). */
  constructor(svg, circuit, handlers) {
    this.svg = svg;
    this.circuit = circuit;
    this.handlers = handlers;
    this.stage = draw("g");
    this.nets = new Map();
    this.cells = new Map();
    this.pins = [];
    this.results = [];
    this.marked = null;
  }

  async layOut() {
    const elk = await layoutKernel();
    this.graph = await elk.layout(layoutGraph(this.circuit));
    this.svg.replaceChildren(this.stage);
    this.stage.replaceChildren();
    this.drawNets();
    this.drawNodes();
    const { width, height, children } = this.graph;
    const first = children.find((child) => child.id === "in0");
    this.view = new View(this.svg, this.stage, width, height,
      first ? first.y + first.height / 2 : height / 2);
  }

  drawNets() {
    const origin = new Map();
    for (const child of this.graph.children)
      for (const port of child.ports) origin.set(port.id, [child, port]);
    const layer = draw("g", { class: "nets" });
    const byNode = new Map();
    for (const edge of this.graph.edges) {
      const node = Number(edge.sources[0].slice(1));
      if (!byNode.has(node)) byNode.set(node, { data: [], dots: [] });
      const net = byNode.get(node);
      for (const section of edge.sections) {
        const points = [section.startPoint, ...(section.bendPoints || []), section.endPoint];
        let data = points.map((p, place) => `${place ? "L" : "M"}${p.x} ${p.y}`).join("");
        const target = edge.targets[0];
        const [child, port] = origin.get(target);
        if (target[0] === "p") {
          const { kind } = this.circuit.gate(Number(child.id.slice(1)));
          data += `h${backOf(kind, port.y, child.height)}`;
        }
        if (node >= this.circuit.first) {
          const { kind } = this.circuit.gate(node);
          data = `M${points[0].x - (CELL_SIZE[kind][0] - TIP[kind])} ${points[0].y}` +
            "L" + data.slice(1);
        }
        net.data.push(data);
      }
      net.dots.push(...(edge.junctionPoints || []));
    }
    for (const [node, net] of byNode) {
      const group = draw("g", { class: "net" });
      group.append(draw("path", { d: net.data.join("") }));
      for (const dot of net.dots) group.append(draw("circle", { cx: dot.x, cy: dot.y, r: 2.6 }));
      layer.append(group);
      this.nets.set(node, group);
    }
    this.stage.append(layer);
  }

  drawNodes() {
    const starts = (ports) => {
      let sum = 0;
      return ports.map((port) => (sum += port.width) - port.width);
    };
    const inputStarts = starts(this.circuit.inputs);
    const outputStarts = starts(this.circuit.outputs);
    const layer = draw("g", { class: "nodes" });
    for (const child of this.graph.children) {
      const place = draw("g", { transform: `translate(${child.x} ${child.y})` });
      if (child.id[0] === "c") this.drawCell(place, child);
      else if (child.id.startsWith("in")) {
        const number = Number(child.id.slice(2));
        this.drawPort(place, child, this.circuit.inputs[number], inputStarts[number], true);
      } else {
        const number = Number(child.id.slice(3));
        this.drawPort(place, child, this.circuit.outputs[number], outputStarts[number], false);
      }
      layer.append(place);
    }
    this.stage.append(layer);
  }

  drawCell(group, child) {
    const node = Number(child.id.slice(1));
    const { kind, literals } = this.circuit.gate(node);
    group.setAttribute("class", `cell ${kind}`);
    group.append(draw("path", { class: "shape", d: SHAPES[kind] }));
    const middle = child.height / 2;
    if (kind === "maj")
      group.append(draw("text", { x: 20, y: middle - 2, class: "kind" }, "MAJ"));
    const nameAt = kind === "maj" ? middle + 10 : middle + 3.5;
    const x = { and: 20, or: 23, maj: 20 }[kind];
    const name = this.circuit.name(node);
    group.append(draw("text",
      { x, y: nameAt, class: name.length > 4 ? "name long" : "name" }, shorten(name, 6)));
    child.ports.forEach((port) => {
      if (port.id[0] !== "p") return;
      const literal = literals[Number(port.id.split(".")[1])];
      const back = backOf(kind, port.y, child.height);
      if (literal < 2)
        group.append(draw("text", { x: back - 8, y: port.y + 3.5, class: "constant" }, literal));
      else if (literal & 1)
        group.append(draw("circle", { class: "bubble", cx: back - 3.6, cy: port.y, r: 3.4 }));
    });
    this.pointAt(group, node);
    group.addEventListener("click", () => this.handlers.choose(node, null));
    this.cells.set(node, group);
  }

  pointAt(element, node, bit = null) {
    element.addEventListener("pointerenter", () => this.handlers.point(node, bit));
    element.addEventListener("pointerleave", () => this.handlers.point(null, null));
  }

  drawPort(group, child, port, start, isInput) {
    group.setAttribute("class", isInput ? "port input" : "port output");
    group.append(draw("rect", {
      class: "frame", x: 0, y: 0, width: child.width, height: child.height, rx: 6,
    }));
    const title = draw("text", { x: child.width / 2, y: 15, class: "title" },
      shorten(port.name, Math.floor((child.width - 14) / LETTER)));
    title.append(draw("title", {}, port.name));
    group.append(title);
    for (let bit = 0; bit < port.width; bit++) {
      const y = 22 + PIN_PITCH * (port.width - 1 - bit);
      const number = start + bit;
      const name = (isInput ? this.circuit.inputNames : this.circuit.outputNames)[number];
      const row = draw("g", { class: "pin", transform: `translate(0 ${y})` });
      row.append(draw("rect", {
        class: "pin-box", x: 4, y: 1.5, width: child.width - 8, height: PIN_PITCH - 3, rx: 4,
      }));
      const shown = port.width === 1 ? "" : `[${bitIndex(port, bit)}]`;
      const digit = draw("text", { class: "digit", x: isInput ? child.width - 16 : 16, y: 16 });
      row.append(draw("text", {
        class: "bit", x: isInput ? 12 : child.width - 12, y: 16,
      }, shown), digit);
      if (isInput) {
        row.setAttribute("role", "switch");
        row.setAttribute("tabindex", "0");
        row.setAttribute("aria-label", `input ${name}`);
        row.addEventListener("click", () => this.handlers.toggle(number));
        row.addEventListener("keydown", (event) => {
          if (event.key !== "Enter" && event.key !== " ") return;
          event.preventDefault();
          this.handlers.toggle(number);
        });
        const node = 1 + number;
        this.pointAt(row, node);
        row.addEventListener("focus", () => {
          if (!row.matches(":focus-visible")) return;
          this.seek(node);
          this.handlers.point(node, null);
        });
        row.addEventListener("blur", () => this.handlers.point(null, null));
        this.pins.push({ row, digit });
      } else {
        row.setAttribute("role", "img");
        if (this.circuit.drive[number] & 1 && this.circuit.drive[number] > 1)
          row.append(draw("circle", { class: "bubble", cx: -3.6, cy: 12, r: 3.4 }));
        this.pointAt(row, this.circuit.drive[number] >> 1, number);
        row.addEventListener("click", () =>
          this.handlers.choose(this.circuit.drive[number] >> 1, number));
        this.results.push({ row, digit, name });
      }
      group.append(row);
    }
  }

  /* Show the values that the circuit has; expected: a character an output bit, or null. */
  show(expected) {
    const { circuit } = this;
    for (const [node, group] of this.nets) group.classList.toggle("one", !!circuit.values[node]);
    for (const [node, group] of this.cells) group.classList.toggle("one", !!circuit.values[node]);
    this.pins.forEach(({ row, digit }, bit) => {
      const value = circuit.values[1 + bit];
      row.classList.toggle("one", !!value);
      row.setAttribute("aria-checked", value ? "true" : "false");
      digit.textContent = value;
    });
    this.results.forEach(({ row, digit, name }, bit) => {
      const value = circuit.value(circuit.drive[bit]);
      const wrong = !!expected && expected[bit] !== "-" && Number(expected[bit]) !== value;
      row.classList.toggle("one", !!value);
      row.classList.toggle("wrong", wrong);
      row.setAttribute("aria-label",
        `output ${name} is ${value}${wrong ? `, expected ${expected[bit]}` : ""}`);
      digit.textContent = value;
    });
  }

  /* Mark the cones of a node; null takes the marks away. */
  mark(node) {
    if (node === this.marked) return;
    this.marked = node;
    this.svg.classList.toggle("marking", node !== null);
    const fanin = node === null ? new Set() : this.circuit.faninCone(node);
    const fanout = node === null ? { cone: new Set(), outputs: [] } : this.circuit.fanoutCone(node);
    const set = (element, at) => {
      element.classList.toggle("chosen", at === node);
      element.classList.toggle("fanin", fanin.has(at));
      element.classList.toggle("fanout", fanout.cone.has(at));
    };
    for (const [at, group] of this.nets) set(group, at);
    for (const [at, group] of this.cells) set(group, at);
    this.pins.forEach(({ row }, bit) => set(row, 1 + bit));
    this.results.forEach(({ row }, bit) =>
      row.classList.toggle("fanout", fanout.outputs.includes(bit)));
  }

  /* Where a node or an output bit is drawn: the cell, or the pin of its port. */
  place(node, bit) {
    const id = bit === null && node >= this.circuit.first ? `c${node}` : null;
    const pin = bit === null ? `n${node}` : `o${bit}`;
    for (const child of this.graph.children) {
      if (child.id === id) return child;
      if (child.id[0] === "c") continue;
      const port = child.ports.find((one) => one.id === pin);
      if (port) return {
        x: child.x, y: child.y + port.y - PIN_PITCH / 2, width: child.width, height: PIN_PITCH,
      };
    }
    return null;
  }

  /* Bring a node or an output bit into sight. */
  seek(node, bit = null) {
    const place = this.place(node, bit);
    if (place) this.view.show(place);
  }
}
