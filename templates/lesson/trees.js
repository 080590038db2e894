// Programs as nested lists, compiled into closures. The same trees are evaluated in floats, for the numbers
// and the training, and modulo a prime, for the answers. `arithmetic` says what a number is.

"use strict";

const floats = {
  number: (p, q) => p / q,
  add: (a, b) => a + b,
  times: (a, b) => a * b,
  power: (a, k) => (k === 2 ? a * a : k === -1 ? 1 / a : a ** k),
  compare: (operator, a, b) => COMPARISONS[operator](a, b),
  larger: Math.max,
  call: (name, values) => FLOAT_FUNCTIONS[name](...values),
};

const COMPARISONS = {
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
  "==": (a, b) => a === b,
  "!=": (a, b) => a !== b,
};

const FLOAT_FUNCTIONS = {
  exp: Math.exp, log: Math.log, log1p: Math.log1p, expm1: Math.expm1, tanh: Math.tanh, sinh: Math.sinh,
  cosh: Math.cosh, sin: Math.sin, cos: Math.cos, atan: Math.atan, asinh: Math.asinh, abs: Math.abs, max: Math.max,
  min: Math.min, sqrt: Math.sqrt, pow: Math.pow, pi: () => Math.PI, e: () => Math.E,
  erf: (x) => {
    // The series, and beyond it 1: good to 1e-15 where it is used.
    if (Math.abs(x) > 5.8) return Math.sign(x);
    let term = x, sum = x;
    for (let k = 1; k < 200 && Math.abs(term) > 1e-17; k++) {
      term *= (-x * x) / k;
      sum += term / (2 * k + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  },
};

/** A function of numbers, from a tree in these symbols. */
function functionOf(tree, symbols, arithmetic) {
  const cell = Object.fromEntries(symbols.map((symbol) => [symbol, null])), [first] = symbols;
  const body = compile(tree, {}, { sizes: {}, tensors: {}, arithmetic, cell, at: [] });
  if (symbols.length === 1)
    return (value) => {
      cell[first] = value;
      return body();
    };
  return (...values) => {
    symbols.forEach((symbol, k) => (cell[symbol] = values[k]));
    return body();
  };
}

/** A closure for `tree`; `slots` says where the value of each index stands in world.at. */
function compile(tree, slots, world) {
  const { arithmetic } = world;
  const [head, ...rest] = tree;
  switch (head) {
    case "num": {
      const value = arithmetic.number(rest[0], rest[1]);
      return () => value;
    }
    case "sym":
      return symbol(rest[0], world, slots);
    case "at":
      return entry(world.tensors[rest[0]], rest[1].map((name) => slots[name]), world.at);
    case "sum":
      return sum(rest[0], rest[1], slots, world);
    case "largest":
      return largest(rest[0][0], rest[1], slots, world);
    case "f": {
      const apply = world.functions[rest[0]][rest[1]], parts = rest.slice(2).map((part) => compile(part, slots, world));
      const [argument] = parts;
      return parts.length === 1 ? () => apply(argument()) : () => apply(...parts.map((part) => part()));
    }
    case "^": {
      const base = compile(rest[0], slots, world), power = rest[1];
      return () => arithmetic.power(base(), power);
    }
    case "where": {
      const branches = rest[0].map(([value, condition]) => [compile(value, slots, world), compile(condition, slots, world)]);
      return () => branches.find(([, condition]) => condition())[0]();
    }
    case "otherwise":
      return () => true;
    case "+":
    case "*": {
      const parts = rest.map((part) => compile(part, slots, world));
      const operation = head === "+" ? arithmetic.add : arithmetic.times;
      if (parts.length === 2) return () => operation(parts[0](), parts[1]());
      return () => parts.slice(1).reduce((total, part) => operation(total, part()), parts[0]());
    }
    case "call": {
      const [name, ...parts] = rest, compiled = parts.map((part) => compile(part, slots, world));
      return () => arithmetic.call(name, compiled.map((part) => part()));
    }
  }
  if (!(head in COMPARISONS)) throw new Error(`no meaning for ${head}`);
  const [left, right] = rest.map((part) => compile(part, slots, world));
  return () => arithmetic.compare(head, left(), right());
}

function symbol(name, world, slots) {
  if (world.cell && name in world.cell) return () => world.cell[name];
  if (name in slots) return () => world.at[slots[name]];
  if (name in world.sizes) {
    const value = world.arithmetic.number(world.sizes[name], 1);
    return () => value;
  }
  const tensor = world.tensors[name];
  return () => tensor.data[0];
}

function entry(tensor, places, at) {
  const { data, strides } = tensor;
  if (places.length === 1) {
    const [i] = places;
    return () => data[at[i]];
  }
  if (places.length === 2) {
    const [i, j] = places, [stride] = strides;
    return () => data[at[i] * stride + at[j]];
  }
  return () => data[places.reduce((offset, place, axis) => offset + at[place] * strides[axis], 0)];
}

function sum([[index, size], ...others], body, slots, world) {
  const slot = world.at.push(0) - 1, n = world.sizes[size], { add } = world.arithmetic, zero = world.arithmetic.number(0, 1);
  const own = { ...slots, [index]: slot };
  const inner = others.length ? sum(others, body, own, world) : compile(body, own, world);
  return () => {
    let total = zero;
    for (world.at[slot] = 0; world.at[slot] < n; world.at[slot]++) total = add(total, inner());
    return total;
  };
}

/** The largest value over an index; numbers without an order take the first. */
function largest([index, size], body, slots, world) {
  const slot = world.at.push(0) - 1, n = world.sizes[size], inner = compile(body, { ...slots, [index]: slot }, world);
  const { larger } = world.arithmetic;
  return () => {
    world.at[slot] = 0;
    let most = inner();
    for (world.at[slot] = 1; world.at[slot] < n; world.at[slot]++) most = larger(most, inner());
    return most;
  };
}

/** Arrays for all tensors of the page's program at these sizes, and functions that fill them in. */
function makeWorld(data, sizes, arithmetic, functions, last = Infinity) {
  const world = { sizes, arithmetic, functions, tensors: {}, at: [] };
  for (const [name, axes] of Object.entries(data.axes)) {
    const shape = axes.map((axis) => sizes[axis]);
    const strides = shape.map((_, k) => shape.slice(k + 1).reduce((a, b) => a * b, 1));
    world.tensors[name] = { name, shape, strides, data: new Float64Array(shape.reduce((a, b) => a * b, 1)) };
  }
  const settle = (equation) => {
    const slots = {};
    const own = equation.indices.map((index) => (slots[index] = world.at.push(0) - 1));
    const tensor = world.tensors[equation.name], value = compile(equation.value, slots, world);
    return () => {
      for (let place = 0; place < tensor.data.length; place++) {
        let rest = place;
        tensor.strides.forEach((stride, axis) => {
          world.at[own[axis]] = Math.floor(rest / stride);
          rest %= stride;
        });
        tensor.data[place] = value();
      }
    };
  };
  const forward = data.forward.slice(0, last).map(settle), gradient = last === Infinity ? data.gradient.map(settle) : [];
  world.forward = () => forward.forEach((run) => run());
  world.run = () => [...forward, ...gradient].forEach((run) => run());
  return world;
}

/** What f1, f2, … are, in this arithmetic. */
function functionsIn(data, arithmetic, kind) {
  const made = {};
  for (const [name, orders] of Object.entries(data.functions)) {
    made[name] = {};
    for (const [order, own] of Object.entries(orders)) made[name][order] = functionOf(own[kind], own.symbols, arithmetic);
  }
  return made;
}

/** Nested lists as one row of numbers. */
function flat(nested) {
  return Array.isArray(nested) ? nested.flatMap(flat) : [nested];
}
