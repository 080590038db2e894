// Shapes with symbolic sizes: whether a formula fits at every width, and in words what does not.

"use strict";

/** A formula that can be read, but whose parts do not fit together. */
class Misfit extends Error {}

function quantityShape(base, layer, setting) {
  const own = setting.quantities[base], sizes = own.axes.map((offset) => `n${setting.tied[layer + offset]}`);
  if (setting.layout === "columns") return [sizes[0], sizes[1] ?? "1"];
  return own.sampled ? ["N", sizes[0]] : sizes.length === 1 ? ["1", sizes[0]] : sizes;
}

const isScalar = ([rows, columns]) => rows === "1" && columns === "1";
const isVector = (shape) => shape.includes("1") && !isScalar(shape);
const asColumn = ([rows, columns]) => (columns === "1" ? [rows, columns] : [columns, rows]);

/** Sizes as they are in this network: 4×5. */
function sized(shape, setting) {
  const size = (axis) => (/^n\d+$/.test(axis) ? setting.sizes[Number(axis.slice(1))] : axis);
  return isScalar(shape) ? "a number" : shape.map(size).join("×");
}

/** {shape, constant, sampled} of a term. Throws Misfit or Unreadable. */
function shapeOf(term, setting) {
  const parts = term.parts.map((part) => shapeOf(part, setting));
  const value = (shape, constant = null) => ({ shape, constant, sampled: parts.some((part) => part.sampled) });
  const [first, second] = parts;
  if (setting.constants.includes(term.head)) return value(["1", "1"]);
  switch (term.head) {
    case "number":
      return value(["1", "1"], Number(term.number[0]) / Number(term.number[1]));
    case "N":
    case "n":
      return value(["1", "1"]);
    case "y":
      return { ...value(setting.layout === "rows" ? ["N", `n${setting.tied[setting.depth]}`] : [`n${setting.tied[setting.depth]}`, "1"]), sampled: true };
    case "T":
      return value([first.shape[1], first.shape[0]]);
    case "negative":
      return value(first.shape, first.constant === null ? null : -first.constant);
    case "diag": {
      if (!isVector(first.shape)) throw new Misfit(`diag needs a vector, but ${show(term.parts[0])} is ${sized(first.shape, setting)}`);
      const [n] = asColumn(first.shape);
      return value([n, n]);
    }
    case "sum":
      if (setting.layout === "columns") return value(first.shape);
      if (first.shape[0] !== "N") throw new Misfit(`sum adds up the samples, but ${show(term.parts[0])} is ${sized(first.shape, setting)}`);
      return value(["1", first.shape[1]]);
    case "units":
    case "mean of units":
      return value(setting.layout === "rows" ? [first.shape[0], "1"] : ["1", first.shape[1]]);
    case "where":
    case "max":
    case "min": {
      const shape = parts.map((part) => part.shape).reduce((one, other) => one && common(one, other));
      if (!shape) throw new Misfit(`${term.head} takes entries that pair up, but they are ${parts.map((part) => sized(part.shape, setting)).join(" and ")}`);
      return value(shape);
    }
    case "outer": {
      const [u, v] = parts.map((part) => asColumn(part.shape));
      if (u[1] !== "1" || v[1] !== "1") throw new Misfit("outer needs two vectors; for all samples at once write u.T @ v");
      return value([u[0], v[0]]);
    }
    case "inv":
      if (isScalar(first.shape)) throw new Unreadable(`${show(term.parts[0])} is a number; write 1 / ...`);
      if (first.shape[0] !== first.shape[1]) throw new Misfit(`inv needs a square matrix, but ${show(term.parts[0])} is ${sized(first.shape, setting)}`);
      if (first.sampled && setting.layout === "columns") throw new Unreadable("the inverse of a matrix of one sample is not read");
      return value(first.shape);
    case "@":
      if (first.shape[1] !== second.shape[0]) doNotFit(term, first, second, setting);
      return value([first.shape[0], second.shape[1]], product(first, second));
    case "**":
      return { ...value(first.shape), constant: powerOf(first, second) };
    case ">":
    case "<":
    case ">=":
    case "<=":
    case "+":
    case "-":
    case "*":
    case "/": {
      const shape = common(first.shape, second.shape);
      if (!shape) doNotFit(term, first, second, setting);
      if (term.head === "/" && second.constant === 0) throw new Unreadable("division by zero");
      return value(shape, combined(term.head, first, second));
    }
  }
  if (term.parts.length) return value(first.shape);
  const sampled = setting.quantities[term.head].sampled || Boolean(setting.quantities[term.head].of);
  return { shape: quantityShape(term.head, term.layer, setting), constant: null, sampled };
}

const product = (a, b) => (a.constant === null || b.constant === null ? null : a.constant * b.constant);

function combined(operator, a, b) {
  if (a.constant === null || b.constant === null) return null;
  return operator in COMPARISONS ? null : { "+": a.constant + b.constant, "-": a.constant - b.constant, "*": a.constant * b.constant, "/": a.constant / b.constant }[operator];
}

function powerOf(base, exponent) {
  const power = exponent.constant;
  if (power === null || Math.abs(power) > 64 || !Number.isInteger(2 * power)) throw new Unreadable("the exponent has to be a number of size at most 64, whole or half");
  if (power < 0 && !isScalar(base.shape)) throw new Unreadable("a negative power of a matrix: write inv(...), or 1 / ... for each entry");
  if (base.constant === 0 && power < 0) throw new Unreadable("division by zero");
  const result = base.constant === null ? null : base.constant ** power;
  if (result !== null && Math.abs(result) > 1e300) throw new Unreadable("the number is too large");
  return result;
}

function common(one, other) {
  for (const [wide, narrow] of [[one, other], [other, one]])
    if (narrow.every((axis, k) => axis === "1" || axis === wide[k])) return wide;
  return null;
}

function doNotFit(term, left, right, setting) {
  const [l, r] = term.parts.map(show), { words } = setting;
  const values = { left: l, left_shape: sized(left.shape, setting), right: r, right_shape: sized(right.shape, setting) };
  const so = repair(term, left, right, words) || fill(words["repair none"], { product: show(term) });
  throw new Misfit(fill(words.fit, { ...values, so }));
}

/** What would make a product fit: the other order, or a transpose; "" if nothing would. */
function repair(term, left, right, words) {
  if (term.head !== "@") return "";
  const [l, r] = term.parts, short = (part) => (part.parts.length > 1 ? `(${show(part)})` : show(part));
  if (right.shape[1] === left.shape[0]) return fill(words["repair order"], { part: short(l) });
  const fitting = [[r, right.shape[1], left.shape[1]], [l, left.shape[0], right.shape[0]]].filter(([, own, other]) => own === other);
  const back = fitting.filter(([part]) => part.head === "T").map(([part]) => fill(words["repair turn back"], { part: show(part.parts[0]) }));
  const turn = fitting.filter(([part]) => part.head !== "T").map(([part]) => fill(words["repair turn"], { part: short(part) }));
  const parts = [...back, ...turn].join(words["repair or"]);
  return parts && fill(words["repair doubt"], { parts });
}

/** A sentence with what stands in its braces. */
function fill(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
}
