// The grammar of formulas, Python's expression syntax over a whitelist, read into terms: {head, parts, layer, number}.
// Nothing is evaluated as code.

"use strict";

const LEAF = /^([A-Za-z]+?)(\d{1,4})$/;
const ACTIVATION = /^(d?)[fF](\d{0,4})$/;
const BINDS = { ">": 0, "<": 0, ">=": 0, "<=": 0, "+": 1, "-": 1, "*": 2, "/": 2, "@": 2, "**": 4 };
const ARGUMENTS = new Map([["diag", 1], ["sum", 1], ["outer", 2], ["inv", 1], ["where", 3], ["max", 2], ["min", 2], ["abs", 1], ["sign", 1]]);
const MAX_LENGTH = 1000, MAX_DEPTH = 60, MAX_FUNCTIONS = 6;

/** What cannot be read; the message says why. */
class Unreadable extends Error {}

function makeTerm(head, parts = [], layer = -1, number = null) {
  const own = number === null ? "" : number.join("/");
  const key = `${head}${layer < 0 ? "" : layer}${own}${parts.length ? `(${parts.map((part) => part.key)})` : ""}`;
  return { head, parts, layer, number, key };
}

const makeNumber = (p, q = 1) => makeTerm("number", [], -1, [p, q]);

function tokens(text) {
  const found = [], pattern = /\s*(?:(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([A-Za-z_]\w*)|(\*\*|>=|<=|[-+*/@()[\],.><]))/y;
  while (pattern.lastIndex < text.length) {
    if (!text.slice(pattern.lastIndex).trim()) break;
    const at = pattern.lastIndex, match = pattern.exec(text);
    if (!match) throw new Unreadable(`${text.slice(at).trim()[0]} at column ${at + 1} is not part of the notation`);
    const [, digits, name, sign] = match;
    if (digits && /^0\d/.test(digits)) throw new Unreadable(`${digits} begins with 0`);
    found.push({ kind: digits ? "number" : name ? "name" : "sign", text: digits || name || sign, at: at + 1 });
  }
  return found;
}

/** The term of `text`; `setting` holds depth, own (the layer asked for) and the names of functions. */
function readFormula(text, setting) {
  const line = text.split(/\s+/).filter(Boolean).join(" ");
  if (line.length > MAX_LENGTH) throw new Unreadable(`the formula has ${line.length} characters; at most ${MAX_LENGTH} are read`);
  if (!line) throw new Unreadable("the formula is empty");
  if (/[^\x20-\x7e]/.test(line)) throw new Unreadable("write names and operators with plain letters");
  const ahead = tokens(line.replace(/\b([fF](?:\d*|\[[^[\]]*\]))'(?=\s*[([])/g, "d$1"));
  let depth = 0;
  const peek = () => (ahead.length ? ahead[0].text : "");
  const take = () => ahead.shift();
  const need = (sign) => {
    if (peek() !== sign) throw new Unreadable(ahead.length ? `${sign} is expected at column ${ahead[0].at}` : `${sign} is missing at the end`);
    return take();
  };
  const left = (signs, operand) => {
    let term = operand();
    while (ahead.length && ahead[0].kind === "sign" && signs.includes(peek())) term = makeTerm(take().text, [term, operand()]);
    return term;
  };
  const expression = () => {
    if (++depth > MAX_DEPTH) throw new Unreadable(`nested more than ${MAX_DEPTH} levels deep`);
    let term = left(["+", "-"], product);
    if ([">", "<", ">=", "<="].includes(peek())) term = makeTerm(take().text, [term, left(["+", "-"], product)]);
    depth--;
    return term;
  };
  const product = () => left(["*", "/", "@"], signed);
  const signed = () => {
    if (++depth > MAX_DEPTH) throw new Unreadable(`nested more than ${MAX_DEPTH} levels deep`);
    const sign = peek();
    let term;
    if (sign === "-" || sign === "+") {
      take();
      term = sign === "-" ? makeTerm("negative", [signed()]) : signed();
    } else term = powered();
    depth--;
    return term;
  };
  const powered = () => {
    const base = postfixed();
    if (peek() !== "**") return base;
    take();
    const exponent = signed();
    const plain = exponent.head === "negative" && exponent.parts[0].head === "number";
    return makeTerm("**", [base, plain ? makeNumber(-exponent.parts[0].number[0], exponent.parts[0].number[1]) : exponent]);
  };
  const postfixed = () => {
    let term = atom();
    while (peek() === ".") {
      take();
      if (peek() !== "T") throw new Unreadable(`.${peek()} has no meaning here; .T is the transpose`);
      take();
      term = makeTerm("T", [term]);
    }
    if (peek() === "[" || peek() === "(") throw new Unreadable(`${peek()} at column ${ahead[0].at} has no place there`);
    return term;
  };
  const list = (close) => {
    const parts = [];
    if (peek() !== close) do parts.push(expression()); while (peek() === "," && take());
    need(close);
    return parts;
  };
  const layerOf = () => {
    const number = () => {
      const { text: word = "", kind } = take() || {};
      if (kind === "number" && /^\d+$/.test(word)) return Number(word);
      if (word === "L") return setting.depth;
      throw new Unreadable(`no layer is called ${word}`);
    };
    let layer = number();
    while (peek() === "+" || peek() === "-") layer += take().text === "+" ? number() : -number();
    need("]");
    return layer;
  };
  const quantity = (base, layer) => {
    const first = setting.quantities[base].first;
    if (layer < first || layer > setting.depth) throw new Unreadable(`${base}${layer}: layer ${layer} does not exist: the layers are ${first}..${setting.depth}`);
    if (peek() === "(" && (base === "a" || base === "z")) {
      take();
      if (take()?.text !== "x") throw new Unreadable(`${base}${layer}(...) is read for the argument x only`);
      need(")");
    }
    return makeTerm(base, [], layer);
  };
  const activated = (prime, layer) => {
    need("(");
    const parts = list(")");
    if (parts.length !== 1) throw new Unreadable(`f takes 1 argument, not ${parts.length}`);
    const at = parts[0], own = layer ?? (at.head === "z" ? at.layer : setting.own);
    if (own < 1 || own > setting.depth) throw new Unreadable(`f${own}: the layers are 1..${setting.depth}`);
    return makeTerm(prime ? "df" : "f", parts, own);
  };
  const atom = () => {
    const token = take();
    if (!token) throw new Unreadable("something is missing at the end");
    if (token.kind === "number") return makeNumber(...ratioOf(token.text));
    if (token.text === "(") {
      const inner = expression();
      need(")");
      return inner;
    }
    if (token.kind !== "name") throw new Unreadable(`${token.text} at column ${token.at} has no place there`);
    return named(token.text, token);
  };
  const named = (name, token) => {
    const leaf = LEAF.exec(name), activation = ACTIVATION.exec(name);
    if (leaf && Object.hasOwn(setting.quantities, leaf[1])) return quantity(leaf[1], Number(leaf[2]));
    if (Object.hasOwn(setting.quantities, name) && peek() === "[") {
      take();
      return quantity(name, layerOf());
    }
    if (activation && (peek() === "(" || (peek() === "[" && !activation[2]))) {
      let layer = activation[2] ? Number(activation[2]) : null;
      if (peek() === "[") {
        take();
        layer = layerOf();
      }
      return activated(activation[1], layer);
    }
    if (name === "x") return makeTerm("a", [], 0);
    if (name === "y" || name === "N" || setting.constants.includes(name)) return makeTerm(name);
    if (leaf && leaf[1] === "n" && Number(leaf[2]) <= setting.depth) return makeTerm("n", [], Number(leaf[2]));
    if (peek() !== "(") throw new Unreadable(`unknown name '${name}' at column ${token.at}`);
    take();
    if (name === "d") return derivative();
    if (name === "sum" || name === "mean") return along(name);
    const parts = list(")"), wanted = ARGUMENTS.get(name) ?? (setting.elementwise.includes(name) ? 1 : 0);
    if (!wanted) throw new Unreadable(`unknown function '${name}'`);
    if (parts.length !== wanted) throw new Unreadable(`${name} takes ${wanted} argument${wanted > 1 ? "s" : ""}, not ${parts.length}`);
    return makeTerm(name, parts);
  };
  const along = (name) => {
    const inner = expression();
    let over = "samples";
    if (peek() === ",") {
      take();
      over = take()?.text;
    }
    need(")");
    if (over !== "samples" && over !== "units") throw new Unreadable(`write ${name}(M) over the samples, or ${name}(M, units)`);
    if (over === "units") return makeTerm(name === "sum" ? "units" : "mean of units", [inner]);
    return name === "sum" ? makeTerm("sum", [inner]) : makeTerm("/", [makeTerm("sum", [inner]), makeTerm("N")]);
  };
  const derivative = () => {
    const of = take()?.text;
    if (of !== "loss" && !(of === "c" && setting.layout === "columns")) throw new Unreadable("write d(loss, ...), or in columns d(c, ...)");
    need(",");
    const by = expression();
    need(")");
    const name = Object.keys(setting.quantities).find((own) => setting.quantities[own].of === by.head);
    if (!name) throw new Unreadable("d(loss, ...) is by W, b, z or a of a layer");
    return makeTerm(name, [], by.layer);
  };
  const term = expression();
  if (ahead.length) throw new Unreadable(`${peek()} at column ${ahead[0].at} has no place there`);
  if (functionsWithin(term, setting) > MAX_FUNCTIONS) throw new Unreadable(`more than ${MAX_FUNCTIONS} functions stand within one another`);
  return term;
}

function functionsWithin(term, setting) {
  const own = ["f", "df", "inv"].includes(term.head) || setting.elementwise.includes(term.head) ? 1 : 0;
  return own + Math.max(0, ...term.parts.map((part) => functionsWithin(part, setting)));
}

/** Numerator and denominator of a decimal, exactly. */
function ratioOf(text) {
  const [digits, exponent = "0"] = text.toLowerCase().split("e"), [whole, decimals = ""] = digits.split(".");
  const shift = Number(exponent) - decimals.length;
  if (text.length > 40 || Math.abs(shift) > 300) throw new Unreadable(`${text} has too many digits`);
  const top = BigInt(whole + decimals || "0"), ten = 10n ** BigInt(Math.abs(shift));
  return shift >= 0 ? [top * ten, 1n] : [top, ten];
}

/** `term` in the grammar, with no more brackets than needed. */
function show(term) {
  return shown(term)[0];
}

function shown(term) {
  const { head, parts } = term;
  if (head === "number") {
    const [p, q] = reduced(term.number);
    return [q === 1n ? `${p}` : `${p}/${q}`, p >= 0n && q === 1n ? 5 : 2];
  }
  if (head === "T") return [`${within(parts[0], 5)}.T`, 5];
  if (head === "negative") return [`-${within(parts[0], 3)}`, 3];
  if (head in BINDS) {
    const strength = BINDS[head], tighter = head === "**" ? [1, 0] : [0, 1];
    const operand = (part, least) => {
      const mixed = "*@/".includes(head) && (part.head === "*" || part.head === "@") && part.head !== head;
      return mixed ? `(${show(part)})` : within(part, least);
    };
    return [parts.map((part, k) => operand(part, strength + tighter[k])).join(` ${head} `), strength];
  }
  if (head === "units" || head === "mean of units") return [`${head === "units" ? "sum" : "mean"}(${show(parts[0])}, units)`, 5];
  if (head === "f" || head === "df") {
    const own = parts[0].head === "z" && parts[0].layer === term.layer;
    return [`f${own ? "" : term.layer}${head === "df" ? "'" : ""}(${show(parts[0])})`, 5];
  }
  if (!parts.length) return [head + (term.layer < 0 ? "" : term.layer), 5];
  return [`${head}(${parts.map(show).join(", ")})`, 5];
}

function within(term, least) {
  const [text, strength] = shown(term);
  return strength >= least ? text : `(${text})`;
}

function reduced([p, q]) {
  let a = BigInt(p), b = BigInt(q);
  for (let x = a < 0n ? -a : a, y = b; ; [x, y] = [y, x % y]) if (!y) return x ? [a / x, b / x] : [0n, 1n];
}

/** This term and all below it. */
function* walk(term) {
  yield term;
  for (const part of term.parts) yield* walk(part);
}
