// The value of a term: arrays with three axes, (samples, rows, columns), in any arithmetic. Where sizes coincide
// everything has a value, also what does not fit: a column times a column is the one times a fixed combination of the
// other's entries, the same for every formula.

"use strict";

const makeArray = (shape, data) => ({ shape, data });

/** What does not depend on the layout: the values of all quantities of a network at random numbers. */
function drawNetwork(data, setting, samples, widths, arithmetic, draw, functions, apart = false) {
  const sizes = { N: setting.layout === "rows" ? samples : 1 };
  for (let k = 0; k <= setting.depth; k++) sizes[`n${k}`] = widths[k % widths.length];
  const rows = { ...sizes, N: samples }, given = {};
  for (const name of data.inputs) {
    const count = data.axes[name].reduce((total, axis) => total * rows[axis], 1);
    given[name] = Array.from({ length: count }, draw);
  }
  if (data.targets === "distribution" && !apart) sumToOne(given.y, rows[data.axes.y[1]], arithmetic);
  if (data.targets === "sign") given.y = given.y.map((value) => arithmetic.number(Math.floor(Math.abs(value)) % 2 ? 1 : -1, 1));
  else if (apart) {
    // As `derive grade` draws them: the targets are multiples of N away from the outputs.
    const world = makeWorld(data, rows, arithmetic, functions);
    for (const name of data.inputs) world.tensors[name].data.set(given[name]);
    world.forward();
    const { data: outputs } = world.tensors[`a${setting.depth}`];
    given.y = given.y.map((value, k) => outputs[k] - samples * value);
  }
  const runs = setting.layout === "rows" ? 1 : samples, raws = [];
  for (let s = 0; s < runs; s++) {
    const world = makeWorld(data, sizes, arithmetic, functions);
    for (const name of data.inputs) {
      const { data: own } = world.tensors[name], sampled = data.axes[name].includes("N");
      own.set(given[name].slice(sampled ? s * own.length : 0, (sampled ? s * own.length : 0) + own.length));
    }
    world.run();
    raws.push(world.tensors);
  }
  const values = {};
  for (const name of Object.keys(raws[0])) {
    const found = /^([A-Za-z]+?)(\d*)$/.exec(name), base = found && found[1];
    if (!found || !(base in setting.quantities || base === "y")) continue;
    values[makeTerm(base, [], found[2] ? Number(found[2]) : -1).key] = stacked(base, setting, raws.map((raw) => raw[name]));
  }
  return { samples, widths, values, arithmetic, functions, layout: setting.layout };
}

/** Targets of which those of a sample sum to 1: the last of each is what is left. */
function sumToOne(targets, n, { add, subtract, number }) {
  for (let last = n - 1; last < targets.length; last += n) {
    const others = targets.slice(last - n + 1, last).reduce(add, number(0, 1));
    targets[last] = subtract(number(1, 1), others);
  }
}

/** One quantity of all runs as an array with three axes. */
function stacked(base, setting, tensors) {
  const own = setting.quantities[base] ?? { sampled: true, of: "" }, [first] = tensors, rows = setting.layout === "rows";
  const all = own.sampled || own.of ? tensors : [first];
  const data = all.flatMap((tensor) => [...tensor.data]);
  if (own.sampled) return makeArray(rows ? [1, ...first.shape] : [all.length, first.shape[1], 1], data);
  if (first.shape.length === 1) return makeArray(rows ? [all.length, 1, first.shape[0]] : [all.length, first.shape[0], 1], data);
  return makeArray([all.length, ...first.shape], data);
}

/** Evaluates terms on one draw; what was evaluated once is kept. */
function makeEvaluator(drawn, setting) {
  const { arithmetic, samples } = drawn, memo = new Map(Object.entries(drawn.values));
  const { add, times } = arithmetic;
  const constant = (value) => makeArray([1, 1, 1], [value]);
  const map = (array, f) => makeArray(array.shape, array.data.map(f));
  const misfit = setting.misfit.map((value) => arithmetic.number(value, 1));

  function both(one, other, operation) {
    const shape = one.shape.map((n, axis) => {
      const m = other.shape[axis];
      if (n !== m && n !== 1 && m !== 1) throw new NoValue("the shapes do not fit");
      return n === 1 ? m : n;
    });
    const a = spread(one, shape), b = spread(other, shape);
    return makeArray(shape, a.map((value, k) => operation(value, b[k])));
  }

  function product(left, right) {
    const [s, n, m] = left.shape, [t, p, q] = right.shape;
    if (m === p) {
      if (s !== t && s !== 1 && t !== 1) throw new NoValue("the shapes do not fit");
      const count = Math.max(s, t), data = [];
      for (let k = 0; k < count; k++)
        for (let i = 0; i < n; i++)
          for (let j = 0; j < q; j++) {
            let total = arithmetic.number(0, 1);
            for (let x = 0; x < m; x++)
              total = add(total, times(left.data[((s === 1 ? 0 : k) * n + i) * m + x], right.data[((t === 1 ? 0 : k) * p + x) * q + j]));
            data.push(total);
          }
      return makeArray([count, n, q], data);
    }
    if (m === 1 && p <= misfit.length) return both(left, product(makeArray([1, 1, p], misfit.slice(0, p)), right), times);
    if (p === 1 && m <= misfit.length) return both(product(left, makeArray([1, m, 1], misfit.slice(0, m))), right, times);
    throw new NoValue("the shapes do not fit");
  }

  function turned(array) {
    const [s, n, m] = array.shape, data = [];
    for (let k = 0; k < s; k++) for (let j = 0; j < m; j++) for (let i = 0; i < n; i++) data.push(array.data[(k * n + i) * m + j]);
    return makeArray([s, m, n], data);
  }

  function overSamples(array) {
    const [s, n, m] = array.shape;
    if (s === 1 && setting.layout === "columns") return map(array, (value) => times(value, arithmetic.number(samples, 1)));
    const axis = s === 1 ? 1 : 0, length = array.shape[axis], stride = s === 1 ? m : n * m;
    const count = array.data.length / length, data = Array.from({ length: count }, () => arithmetic.number(0, 1));
    array.data.forEach((value, k) => (data[k % stride] = add(data[k % stride], value)));
    return makeArray(s === 1 ? [1, 1, m] : [1, n, m], data);
  }

  const standing = (array) => {
    const column = array.shape[2] === 1 ? array : turned(array);
    return column;
  };

  function diagonal(array) {
    const column = standing(array), [s, n, m] = column.shape, data = [];
    if (m !== 1) throw new NoValue("diag needs a vector");
    for (let k = 0; k < s; k++) for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) data.push(i === j ? column.data[k * n + i] : arithmetic.number(0, 1));
    return makeArray([s, n, n], data);
  }

  function inverse(array) {
    const [s, n, m] = array.shape;
    if (n !== m) throw new NoValue("inv needs a square matrix");
    const data = [];
    for (let k = 0; k < s; k++) data.push(...inverted(array.data.slice(k * n * n, (k + 1) * n * n), n, arithmetic));
    return makeArray(array.shape, data);
  }

  /** Over the units of a layer, which lie along the rows of samples or stand in their columns. */
  function overUnits(array) {
    const [s, n, m] = array.shape, rows = setting.layout === "rows", data = [];
    for (let k = 0; k < s; k++)
      for (let i = 0; i < (rows ? n : m); i++) {
        let total = arithmetic.number(0, 1);
        for (let j = 0; j < (rows ? m : n); j++) total = add(total, array.data[(k * n + (rows ? i : j)) * m + (rows ? j : i)]);
        data.push(total);
      }
    return makeArray(rows ? [s, n, 1] : [s, 1, m], data);
  }

  const zero = arithmetic.number(0, 1), one = arithmetic.number(1, 1);
  const holds = (operator) => (a, b) => (arithmetic.compare(operator, a, b) ? one : zero);
  const signs = (value) => arithmetic.subtract(holds(">")(value, zero), holds("<")(value, zero));
  const larger = (x, y) => both(x, y, (a, b) => (arithmetic.compare(">", a, b) ? a : b));
  const smaller = (x, y) => both(x, y, (a, b) => (arithmetic.compare("<", a, b) ? a : b));

  const OPERATIONS = {
    ">": (x, y) => both(x, y, holds(">")),
    "<": (x, y) => both(x, y, holds("<")),
    ">=": (x, y) => both(x, y, holds(">=")),
    "<=": (x, y) => both(x, y, holds("<=")),
    max: larger,
    min: smaller,
    sign: (x) => map(x, signs),
    abs: (x) => map(x, (value) => times(signs(value), value)),
    where: (c, x, y) => both(both(c, x, times), both(map(c, (value) => arithmetic.subtract(one, value)), y, times), add),
    units: overUnits,
    "mean of units": (x) => {
      const width = arithmetic.number(x.shape[setting.layout === "rows" ? 2 : 1], 1);
      return map(overUnits(x), (value) => arithmetic.divide(value, width));
    },
    "+": (x, y) => both(x, y, add),
    "-": (x, y) => both(x, y, arithmetic.subtract),
    "*": (x, y) => both(x, y, times),
    "/": (x, y) => both(x, y, arithmetic.divide),
    "@": product,
    T: turned,
    negative: (x) => map(x, (value) => arithmetic.subtract(arithmetic.number(0, 1), value)),
    sum: overSamples,
    diag: diagonal,
    outer: (u, v) => (setting.layout === "rows" ? product(turned(u), v) : product(standing(u), turned(standing(v)))),
    inv: inverse,
  };

  function compute(term) {
    if (term.head === "number") {
      const prime = arithmetic.prime, [p, q] = reduced(term.number);
      return constant(prime ? arithmetic.number(Number(p % BigInt(prime)), Number(q % BigInt(prime))) : Number(p) / Number(q));
    }
    if (term.head === "N") return constant(arithmetic.number(samples, 1));
    if (term.head === "n") return constant(arithmetic.number(drawn.widths[term.layer % drawn.widths.length], 1));
    if (setting.constants.includes(term.head)) return constant(arithmetic.call(term.head, []));
    if (!term.parts.length) throw new NoValue(term.head);
    const parts = term.parts.map(value);
    if (term.head === "f" || term.head === "df") {
      const own = drawn.functions[`f${term.layer}`]?.[term.head === "df" ? "1" : "0"];
      if (!own) throw new NoValue(`f${term.layer} is a function of a whole row, not of one number z`);
      return map(parts[0], own);
    }
    if (term.head === "**") {
      const own = term.parts[1];
      if (own.head !== "number" || reduced(own.number)[1] !== 1n) throw new NoValue("the exponent");
      return map(parts[0], (value) => arithmetic.power(value, Number(reduced(own.number)[0])));
    }
    if (term.head in OPERATIONS) return OPERATIONS[term.head](...parts);
    return map(parts[0], (value) => arithmetic.call(term.head, [value]));
  }

  function value(term) {
    if (!memo.has(term.key)) memo.set(term.key, compute(term));
    return memo.get(term.key);
  }
  return { value, samples };
}

/** The entries of `array` repeated to `shape`, or an error. */
function spread(array, shape) {
  if (array.shape.every((n, axis) => n === shape[axis])) return array.data;
  if (array.shape.some((n, axis) => n !== 1 && n !== shape[axis])) throw new NoValue("the shapes do not fit");
  const [s, n, m] = array.shape, [, rows, columns] = shape, data = [];
  for (let place = 0; place < shape[0] * rows * columns; place++) {
    const k = Math.floor(place / (rows * columns)), i = Math.floor(place / columns) % rows, j = place % columns;
    data.push(array.data[((s === 1 ? 0 : k) * n + (n === 1 ? 0 : i)) * m + (m === 1 ? 0 : j)]);
  }
  return data;
}

/** The entries of both, spread over each other; undefined if they do not fit. */
function together(array, other) {
  const shape = array.shape.map((n, axis) => Math.max(n, other.shape[axis]));
  try {
    return [spread(array, shape), spread(other, shape)];
  } catch (error) {
    if (!(error instanceof NoValue)) throw error;
  }
}

/** The inverse of one matrix, by Gauss and Jordan. */
function inverted(matrix, n, arithmetic) {
  const { times, subtract, divide } = arithmetic, one = arithmetic.number(1, 1), zero = arithmetic.number(0, 1);
  const rows = Array.from({ length: n }, (_, i) => [...matrix.slice(i * n, (i + 1) * n), ...Array.from({ length: n }, (__, j) => (i === j ? one : zero))]);
  for (let i = 0; i < n; i++) {
    const pivot = rows.findIndex((row, r) => r >= i && row[i] !== 0);
    if (pivot < 0) throw new Singular("the matrix has no inverse");
    [rows[i], rows[pivot]] = [rows[pivot], rows[i]];
    rows[i] = rows[i].map((value, _, row) => value).map((value) => divide(value, rows[i][i]));
    rows.forEach((row, r) => {
      if (r !== i && row[i] !== 0) rows[r] = row.map((value, k) => subtract(value, times(row[i], rows[i][k])));
    });
  }
  return rows.flatMap((row) => row.slice(n));
}
