// A training run to watch: the derived program learns points in the plane by gradient descent.

"use strict";

const POINTS = 80, GRID = 36, REACH = 1.6, HISTORY = 400;

const DATA_SETS = {
  moons: (draw) => (k) => {
    const t = Math.PI * draw(), upper = k % 2, noise = () => 0.12 * normal(draw);
    return [upper ? Math.cos(t) - 0.5 + noise() : 0.5 - Math.cos(t) + noise(), upper ? Math.sin(t) - 0.25 + noise() : 0.25 - Math.sin(t) + noise(), upper];
  },
  circles: (draw) => (k) => {
    const t = 2 * Math.PI * draw(), inner = k % 2, r = (inner ? 0.45 : 1.15) + 0.1 * normal(draw);
    return [r * Math.cos(t), r * Math.sin(t), inner];
  },
  corners: (draw) => (k) => {
    const x = (k & 1 ? 1 : -1) * (0.25 + draw()), y = (k & 2 ? 1 : -1) * (0.25 + draw());
    return [x, y, x * y > 0 ? 1 : 0];
  },
};

/** For kinds of targets that are not numbers from 0 to 1: the targets of both classes, and what lies between them. */
const LABELS = { sign: [-1, 1] }, BORDERS = { sign: 0, count: Math.log(0.5) };

/** How the weights begin: the value of one weight. Biases begin at zero. */
const STARTS = {
  centred: (draw, inputs) => normal(draw) / Math.sqrt(inputs),
  large: (draw, inputs) => (12 * normal(draw)) / Math.sqrt(inputs),
  equal: () => 0.5,
  zero: () => 0,
};

function normal(draw) {
  return Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
}

function startTraining(data) {
  const element = (id) => document.getElementById(id);
  const functions = functionsIn(data, floats, "floats"), { widths } = data, depth = widths.length - 1;
  const sizesFor = (samples) => Object.fromEntries([["N", samples], ...widths.map((n, k) => [`n${k}`, n])]);
  const world = makeWorld(data, sizesFor(POINTS), floats, functions);
  const upTo = data.forward.findIndex((equation) => equation.name === `a${depth}`) + 1;
  const map = makeWorld(data, sizesFor(GRID * GRID), floats, functions, upTo);
  const classes = world.tensors[`a${depth}`].shape[1]; // as many as the layers that a residual connection ties it to
  const [low, high] = LABELS[data.targets] ?? [0, 1], border = BORDERS[data.targets] ?? 0.5;
  let points = [], losses = [], every = 1, steps = 0, running = false;

  for (let row = 0; row < GRID; row++)
    for (let column = 0; column < GRID; column++) {
      const place = 2 * (row * GRID + column);
      map.tensors.a0.data[place] = REACH * ((2 * (column + 0.5)) / GRID - 1);
      map.tensors.a0.data[place + 1] = -REACH * ((2 * (row + 0.5)) / GRID - 1);
    }

  function restart() {
    const draw = makeDraw(20181113), point = DATA_SETS[element("data-set").value](draw), start = STARTS[element("start").value];
    points = Array.from({ length: POINTS }, (_, k) => point(k));
    const { a0, y } = world.tensors;
    y.data.fill(low);
    points.forEach(([x1, x2, label], s) => {
      a0.data.set([x1, x2], 2 * s);
      if (classes > 1) y.data[s * classes + label] = high;
      else if (label) y.data[s] = high;
    });
    for (const given of [world, map])
      for (const name of data.inputs) if (/^(mask|weights)/.test(name)) given.tensors[name].data.fill(1);
    for (const name of data.parameters) {
      const { shape, data: values } = world.tensors[name], first = data.starts[name];
      for (let k = 0; k < values.length; k++) values[k] = shape.length === 2 ? start(draw, shape[1]) : first;
    }
    losses = [];
    every = 1;
    steps = 0;
    world.run();
    losses.push(world.tensors.loss.data[0]);
    draws();
  }

  function step() {
    const rate = element("rate").valueAsNumber;
    if (!(rate > 0)) return;
    for (const name of data.parameters) {
      const { data: values } = world.tensors[name], { data: slope } = world.tensors[`d${name}`];
      for (let k = 0; k < values.length; k++) values[k] -= rate * slope[k];
    }
    world.run();
    steps++;
    if (steps % every === 0) losses.push(world.tensors.loss.data[0]);
    if (losses.length > HISTORY) {
      losses = losses.filter((_, k) => k % 2 === 0);
      every *= 2;
    }
    if (!Number.isFinite(world.tensors.loss.data[0])) stop("The loss is no longer a number: the steps are too long.");
  }

  /** The gradient's size, how many neurons are saturated, and how many differ, for each layer. */
  function measures() {
    return Array.from({ length: depth }, (_, k) => {
      const layer = k + 1, slope = functions[`f${layer}`]?.["1"], z = world.tensors[`z${layer}`].data, a = world.tensors[`a${layer}`];
      const size = Math.sqrt(world.tensors[`dW${layer}`].data.reduce((total, g) => total + g * g, 0));
      const flatOnes = slope ? z.reduce((count, value) => count + (Math.abs(slope(value)) < 0.01), 0) / z.length : null;
      const columns = Array.from({ length: a.shape[1] }, (__, i) => Array.from({ length: POINTS }, (___, s) => a.data[s * a.shape[1] + i].toPrecision(9)).join());
      return { layer, size, saturated: flatOnes, different: new Set(columns).size, units: a.shape[1] };
    });
  }

  function accuracy() {
    const { data: outputs } = world.tensors[`a${depth}`], n = classes;
    const right = points.filter(([, , label], s) => decide(outputs, s, n, border) === label).length;
    return right / POINTS;
  }

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function draws() {
    drawRegions();
    drawCurve();
    const rows = measures(), most = Math.max(...rows.map((row) => Math.log10(row.size + 1e-12) + 8), 1);
    element("sizes").innerHTML = rows
      .map(({ layer, size, saturated, different, units }) => {
        const width = Math.max(0, Math.min(1, (Math.log10(size + 1e-12) + 8) / most)) * 100;
        return `<tr><th scope="row">${layer}</th><td class="bar"><span style="width:${width.toFixed(1)}%"></span></td><td>${decimal(Number(size.toPrecision(2)))}</td><td>${saturated === null ? "–" : `${Math.round(100 * saturated)} %`}</td><td>${different} of ${units}</td></tr>`;
      })
      .join("");
    element("progress").textContent = `${counted(steps)}: loss ${decimal(world.tensors.loss.data[0])}, ${Math.round(100 * accuracy())} % of the points on the right side.`;
  }

  function drawRegions() {
    for (const name of data.parameters) map.tensors[name].data.set(world.tensors[name].data);
    map.forward();
    const canvas = element("regions"), pen = canvas.getContext("2d"), cell = canvas.width / GRID, n = classes;
    const colours = [colour("--class-0"), colour("--class-1"), colour("--muted")], { data: outputs } = map.tensors[`a${depth}`];
    pen.clearRect(0, 0, canvas.width, canvas.height);
    for (let k = 0; k < GRID * GRID; k++) {
      const sure = n === 1 ? Math.min(1, Math.abs(outputs[k] - border) * 2) : Math.min(1, Math.abs(outputs[k * n] - outputs[k * n + 1]));
      pen.globalAlpha = 0.12 + 0.38 * (Number.isFinite(sure) ? sure : 0);
      pen.fillStyle = colours[decide(outputs, k, n, border)] ?? colours[2];
      pen.fillRect((k % GRID) * cell, Math.floor(k / GRID) * cell, cell, cell);
    }
    pen.globalAlpha = 1;
    pen.lineWidth = 1.5;
    pen.strokeStyle = colour("--paper");
    for (const [x, y, label] of points) {
      const [left, top] = [((x / REACH + 1) / 2) * canvas.width, ((1 - y / REACH) / 2) * canvas.height];
      pen.beginPath();
      pen.fillStyle = colours[label];
      if (label) pen.arc(left, top, 5.5, 0, 7);
      else pen.rect(left - 5, top - 5, 10, 10);
      pen.fill();
      pen.stroke();
    }
  }

  function drawCurve() {
    const finite = losses.filter(Number.isFinite), [most, least] = [Math.max(...finite), Math.min(...finite)];
    const scale = least > 0 ? Math.log10 : (loss) => loss, room = scale(most) - scale(least) || 1;
    const line = finite.map((loss, k) => {
      const [x, y] = [k / Math.max(1, finite.length - 1), (scale(most) - scale(loss)) / room];
      return `${(56 + x * 238).toFixed(1)},${(15 + y * 125).toFixed(1)}`;
    });
    element("curve-line").setAttribute("points", line.join(" "));
    element("curve-top").textContent = finite.length ? decimal(most) : "";
    element("curve-bottom").textContent = most > least ? decimal(least) : "";
    element("curve-end").textContent = counted(steps);
    element("curve-scale").textContent = scale === Math.log10 ? "The loss, on a logarithmic scale" : "The loss";
  }

  function frame() {
    if (!running) return;
    const began = performance.now();
    for (let k = 0; k < 10 && performance.now() - began < 12; k++) step();
    draws();
    requestAnimationFrame(frame);
  }

  function stop(word = "") {
    running = false;
    element("run").textContent = "Train";
    if (word) element("training-note").textContent = word;
  }

  element("run").addEventListener("click", () => {
    if (running) return stop();
    running = true;
    element("run").textContent = "Pause";
    element("training-note").textContent = "";
    requestAnimationFrame(frame);
  });
  element("one-step").addEventListener("click", () => {
    stop();
    step();
    draws();
  });
  for (const id of ["data-set", "start"])
    element(id).addEventListener("change", () => {
      stop();
      element("training-note").textContent = "";
      explainStart();
      restart();
    });
  element("restart").addEventListener("click", () => {
    stop();
    element("training-note").textContent = "";
    restart();
  });
  function explainStart() {
    for (const note of document.querySelectorAll("[data-start]")) note.hidden = note.dataset.start !== element("start").value;
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draws);
  explainStart();
  whenIdle(restart);
  return { step, measures, losses: () => losses, steps: () => steps };
}

const counted = (steps) => `${steps} step${steps === 1 ? "" : "s"}`;

/** Runs `work` once the page is there. */
function whenIdle(work) {
  (window.requestIdleCallback ?? ((later) => setTimeout(later, 50)))(work);
}

/** The class that the output of sample k speaks for; a single output by the side of the border that it is on. */
function decide(outputs, k, n, border) {
  return n === 1 ? Number(outputs[k] > border) : Number(outputs[k * n + 1] > outputs[k * n]);
}
