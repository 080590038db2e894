// Exact arithmetic modulo a prime below 2**31, and activations on residues, about which only what is really true is
// known: exp is drawn when it is first asked for, and its powers follow, and that of a logarithm; tanh and sigmoid are
// made from it. A square has its root, pi too.

"use strict";

/** Residues up to this one, and their opposites, have the sign that they look to have. */
const SMALL = 1000;

function makeResidues(prime, gaps) {
  const times = (a, b) => {
    const high = Math.floor(a / 65536), low = a % 65536;
    return ((((high * b) % prime) * 65536) % prime + low * b) % prime;
  };
  const power = (base, exponent) => {
    if (exponent < 0) return power(inverse(base), -exponent);
    let result = 1;
    for (let square = base, rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
      if (rest % 2) result = times(result, square);
      square = times(square, square);
    }
    return result;
  };
  const inverse = (value) => {
    if (value === 0) throw new NoValue("division by zero");
    return power(value, prime - 2);
  };
  const residue = (value) => ((value % prime) + prime) % prime;
  const draw = makeDraw(20181113);
  const drawn = () => 1 + Math.floor(draw() * (prime - 2));
  const known = new Map();
  const remembered = (key, make) => {
    if (!known.has(key)) known.set(key, make());
    return known.get(key);
  };
  // Signs are drawn, and keep their order over the distances between kinks: above a positive number all is positive.
  const apart = gaps.flatMap(([p, q]) => [1, -1].map((side) => ({ side, gap: residue(side * times(p, inverse(q))) })));
  const seen = (value) => {
    const smaller = Math.min(value, prime - value);
    const own = 0 < smaller && smaller <= SMALL ? 1 : (known.get(`sign ${smaller}`) ?? 0);
    return smaller === value ? own : -own;
  };
  const sign = (value) => {
    if (value === 0) return 0;
    const smaller = Math.min(value, prime - value);
    const bound = () => apart.find(({ side, gap }) => side * seen((smaller + gap) % prime) < 0);
    if (!seen(smaller)) known.set(`sign ${smaller}`, -bound()?.side || (draw() < 0.5 ? 1 : -1));
    return seen(value);
  };
  const MULTIPLES = [1, 2, 3, 4, 6, 8, 9, 12, 18, 24, 36, 48].flatMap((m) => [m, -m]);
  const WHOLE = MULTIPLES.filter((m) => m % 12 === 0).map((m) => m / 12);
  const knowExponentials = (at, base, multiples) => {
    for (const m of multiples) remembered(`exp ${times(at, residue(m))}`, () => power(base, m));
  };
  const exponential = (value) => {
    if (value === 0) return 1;
    if (!known.has(`exp ${value}`)) {
      const root = drawn(), part = times(value, inverse(12));
      knowExponentials(part, root, MULTIPLES);
    }
    return known.get(`exp ${value}`);
  };
  const exact = {
    exp: exponential,
    log: (u) => {
      const found = remembered(`log ${u}`, drawn);
      if (u) knowExponentials(found, u, WHOLE);
      return found;
    },
    tanh: (u) => {
      const square = exponential(times(2, u));
      return times(residue(square - 1), inverse((square + 1) % prime));
    },
    sinh: (u) => times((exponential(u) + prime - inverse(exponential(u))) % prime, inverse(2)),
    cosh: (u) => times((exponential(u) + inverse(exponential(u))) % prime, inverse(2)),
    sqrt: (u) => {
      const root = power(u, (prime + 1) / 4);
      return times(root, root) === u ? root : remembered(`sqrt ${u}`, drawn);
    },
    pi: () => remembered("pi", () => power(drawn(), 2)),
  };
  /** The fraction with small numbers that a residue stands for. */
  const fraction = (value, bound = 2000) => {
    let [before, now, s, t] = [prime, value, 0, 1];
    while (now > bound) {
      const quotient = Math.floor(before / now);
      [before, now, s, t] = [now, before - quotient * now, t, s - quotient * t];
    }
    return t && Math.abs(t) <= bound ? (t < 0 ? [-now, -t] : [now, t]) : null;
  };
  return {
    prime, inverse, residue, drawn, fraction,
    number: (p, q) => times(residue(p), inverse(residue(q))),
    add: (a, b) => (a + b) % prime,
    subtract: (a, b) => (a - b + prime) % prime,
    times,
    divide: (a, b) => times(a, inverse(b)),
    power,
    compare: (operator, a, b) => COMPARISONS[operator](sign((a - b + prime) % prime), 0),
    call: (name, values) =>
      name in exact ? exact[name](values[0]) : remembered(`${name} ${values.join(" ")}`, drawn),
    larger: (a) => a,
  };
}

/** Thrown where a formula has no value. */
class NoValue extends Error {}

/** Thrown for the inverse of a matrix that has none. */
class Singular extends NoValue {}

/** Numbers between 0 and 1, always the same ones for a seed. */
function makeDraw(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
