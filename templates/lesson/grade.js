// Grading as `derive grade` does it: right, consistent with a slip, or with two, or unreadable. What is right and what
// the slips are is data; here formulas are read, evaluated modulo a prime and compared.

"use strict";

const OTHER = { rows: "columns", columns: "rows" };

function makeGrader(data) {
  const own = data.grading, residues = makeResidues(data.prime, own.gaps), benches = {}, reals = {};
  const programs = own.programs ?? data, functions = functionsIn(programs, residues, "exact");
  const settingOf = (layout, layer) => ({ ...own, layout, own: layer });

  /** The draws of one layout: at distinct widths, and where all sizes coincide. */
  function benchOf(layout) {
    if (!benches[layout]) {
      const setting = settingOf(layout, 1);
      const draw = ([samples, widths]) =>
        makeEvaluator(drawNetwork(programs, setting, samples, widths, residues, residues.drawn, functions), setting);
      benches[layout] = { layout, distinct: own.distinct.map(draw), coinciding: own.coinciding.map(draw), tables: {} };
    }
    return benches[layout];
  }

  const leafOf = (question) => makeTerm(question.base, [], question.layer);
  const fitsAt = (draw, question, term) => same(question.base, draw.value(leafOf(question)), draw.value(term));

  function isRight(bench, question, term) {
    try {
      return bench.distinct.every((draw) => fitsAt(draw, question, term));
    } catch (error) {
      if (error instanceof NoValue && neverRight(bench, question, term)) return false;
      throw error;
    }
  }

  /** Whether an answer without a value at distinct widths is wrong, or has no inverse, where sizes coincide. */
  function neverRight(bench, question, term) {
    let singular = 0;
    for (const draw of bench.coinciding)
      try {
        if (!fitsAt(draw, question, term)) return true;
      } catch (error) {
        if (!(error instanceof Singular)) throw error;
        singular++;
      }
    return singular === bench.coinciding.length;
  }

  /** The values of a term where sizes coincide, as text. */
  function keyOf(bench, question, term) {
    return bench.coinciding
      .map((draw) => {
        const array = draw.value(term), [samples] = draw.value(leafOf(question)).shape;
        const shape = [Math.max(array.shape[0], samples), array.shape[1], array.shape[2]];
        return `${shape}:${spread(array, shape)}`;
      })
      .join("|");
  }

  /** The values up to one factor for each draw, as text; null if they are all zero. */
  function directionOf(bench, term) {
    const parts = bench.coinciding.map((draw) => {
      const array = draw.value(term), first = array.data.find((value) => value !== 0);
      if (first === undefined) return null;
      const scale = residues.inverse(first);
      return `${array.shape}:${array.data.map((value) => residues.times(value, scale))}`;
    });
    return parts.includes(null) ? null : parts.join("|");
  }

  function forms(bench, question, kind) {
    const name = `${kind} ${question.base}${question.layer}`;
    if (!bench.tables[name]) {
      const table = new Map(), setting = settingOf(bench.layout, question.layer);
      const keyed = (form) => (kind === "slips" ? keyOf(bench, question, form) : directionOf(bench, form)), right = keyed(leafOf(question));
      for (const [tags, texts] of question[bench.layout][kind])
        for (const text of texts) {
          const form = readFormula(text, setting);
          let key;
          try {
            key = keyed(form);
          } catch (error) {
            if (!(error instanceof NoValue)) throw error;
            continue;
          }
          if (key !== null && key !== right && !table.has(key)) table.set(key, { tags: [].concat(tags), form });
        }
      bench.tables[name] = table;
    }
    return bench.tables[name];
  }

  /** By which factor one term is more than another; a power of N has names of its own. */
  function factor(bench, term, of) {
    let ratios = bench.coinciding.map((draw) => [draw.samples, ratio(draw.value(term), draw.value(of))]);
    if (ratios.some(([, k]) => k === null)) return [];
    ratios = ratios.concat(apart(bench, term, of).map(([draw, a, b]) => [draw.samples, ratio(a, b)]));
    for (const power of [0, 1, -1, 2, -2]) {
      const scaled = ratios.map(([n, k]) => {
        const base = power > 0 ? residues.inverse(n) : n;
        return k && residues.fraction(residues.times(k, residues.power(base, Math.abs(power))));
      });
      if (scaled[0] && scaled.every((k) => k && k[0] === scaled[0][0] && k[1] === scaled[0][1])) {
        return factorTags(scaled[0][0] / scaled[0][1], power);
      }
    }
    const number = multiple(bench.layout, term, of);
    return number && Math.abs(number - 1) > own.close ? factorTags(number, 0) : [];
  }

  /** The names of a factor k * N**power. */
  function factorTags(k, power) {
    const tags = k < 0 ? ["sign"] : [];
    if (power) tags.push(power > 0 ? "missing-mean" : "mean-twice");
    if (Math.abs(k) !== 1 || Math.abs(power) > 1) tags.push("constant-factor");
    return tags;
  }

  /** The draws at distinct widths, with the values of both terms, where both have one: there n is told from N. */
  function apart(bench, term, other) {
    return bench.distinct.flatMap((draw) => {
      try {
        const a = draw.value(term), b = draw.value(other);
        return `${a.shape}` === `${b.shape}` ? [[draw, a, b]] : [];
      } catch (error) {
        if (error instanceof NoValue) return [];
        throw error;
      }
    });
  }

  /** k with term = k * of in real numbers, whatever they are; null if there is none. */
  function multiple(layout, term, of) {
    const found = [];
    for (let at = 0; at < own.tries; at++) {
      const draw = realOf(layout, at), [given, right] = together(draw.value(term), draw.value(of)) ?? [[], []];
      const dot = (a, b) => a.reduce((sum, value, place) => sum + value * b[place], 0), size = dot(right, right);
      if (!given.every(Number.isFinite) || !size) continue;
      const k = dot(given, right) / size, far = given.map((value, place) => Math.abs(value - k * right[place]));
      if (Math.max(...far) > own.close * Math.max(...given.map(Math.abs))) return null;
      found.push(k);
    }
    return found.length && Math.max(...found) - Math.min(...found) <= own.close * Math.abs(found[0]) ? found[0] : null;
  }

  function ratio(array, other) {
    const entries = together(array, other);
    if (!entries) return null;
    const [a, b] = entries, at = b.findIndex((value) => value !== 0);
    if (at < 0) return null;
    const k = residues.divide(a[at], b[at]);
    return k && a.every((value, place) => value === residues.times(k, b[place])) ? k : null;
  }

  /** What a wrong answer is consistent with; [] if there is no name. */
  function nameOf(bench, question, term) {
    try {
      let found = forms(bench, question, "slips").get(keyOf(bench, question, term));
      if (found && apart(bench, term, found.form).some(([, a, b]) => ratio(a, b) !== 1)) found = undefined;
      if (found && found.tags[0] === "outer-product-order" && term.head === "T") return ["transposed-layout"];
      if (found) return found.tags;
      const times = factor(bench, term, leafOf(question));
      if (times.length) return times;
      const both = forms(bench, question, "pairs").get(directionOf(bench, term));
      if (!both || both.tags.length > 1) return both?.tags ?? [];
      const more = factor(bench, term, both.form);
      return more.length ? [...both.tags, ...more] : [];
    } catch (error) {
      if (error instanceof NoValue) return [];
      throw error;
    }
  }

  /** The name of what went wrong, in this layout or as a formula of the other one. */
  function recognise(bench, question, term, fits) {
    const tags = nameOf(bench, question, term);
    if (own.own_names.includes(tags[0]) || (tags.length === 1 && fits)) return tags;
    try {
      const other = benchOf(OTHER[bench.layout]), setting = settingOf(other.layout, question.layer);
      const there = readFormula(show(term), setting);
      if (trouble(there, question, setting)) return tags;
      if (isRight(other, question, there)) return ["transposed-layout"];
      const second = tags.length || !question[other.layout] ? [] : nameOf(other, question, there);
      if (second.length) return ["transposed-layout", ...second];
    } catch (error) {
      if (!(error instanceof NoValue || error instanceof Unreadable)) throw error;
    }
    return tags;
  }

  const isNumber = (term) => [...walk(term)].every((part) => part.parts.length || ["number", "N", "n", ...own.constants].includes(part.head));

  /** What does not fit, in words; "" if everything does. A number stands for a matrix if the truth is a number too. */
  function trouble(term, question, setting) {
    try {
      const right = question[setting.layout]?.truth;  // there may be none in the other layout
      if (right && isNumber(term) && isNumber(readFormula(right, setting))) return "";
      const { shape } = shapeOf(term, setting), wanted = quantityShape(question.base, question.layer, setting);
      const lies = question.base === "db" && shape[0] === wanted[1] && shape[1] === wanted[0];
      if (lies || (shape[0] === wanted[0] && shape[1] === wanted[1])) return "";
      const values = { asked: `${question.base}${question.layer}`, wanted: sized(wanted, setting), found: sized(shape, setting) };
      return fill(own.words.shape, values);
    } catch (error) {
      if (error instanceof Misfit) return error.message;
      throw error;
    }
  }

  /** A draw of one layout in floats, with small integers for what is given, or with any numbers from -2 to 2. */
  const realOf = (layout, k) => floatsOf(layout, k, "integers", (draw) => [1, 2, 3, -1, -2][Math.floor(draw() * 5)]);
  const fineOf = (layout, k) => floatsOf(layout, k, "any", (draw) => 4 * draw() - 2);

  function floatsOf(layout, k, kind, choose) {
    const { draw, made } = (reals[`${layout} ${kind}`] ??= { draw: makeDraw(7), made: [] }), setting = settingOf(layout, 1);
    const arithmetic = { ...floats, subtract: (a, b) => a - b, divide: (a, b) => a / b }, functions = functionsIn(programs, floats, "floats");
    return (made[k] ??= makeEvaluator(drawNetwork(programs, setting, 3, [2, 4, 3, 5], arithmetic, () => choose(draw), functions, true), setting));
  }

  /** Whether both are equal where it is known which of two numbers is larger; residues have no order. */
  function agrees(term, question, layout) {
    if (![...walk(term)].some((part) => own.ordered.includes(part.head))) return false;
    const truth = readFormula(question[layout].truth, settingOf(layout, question.layer));
    return Array.from({ length: own.exact_tries }, (_, k) => fineOf(layout, k)).every((draw) => {
      const given = draw.value(term), right = draw.value(truth), known = spread(given, right.shape);
      return right.data.every((value, k) => Math.abs(value - known[k]) <= 1e-9 * (1 + Math.abs(value)));
    });
  }

  /** Whether a difference proves nothing, since functions occur of which not every identity is known. */
  function isOpen(term, question, layout) {
    if (![...walk(term)].some((part) => own.tables.includes(part.head) || own.ordered.includes(part.head))) return false;
    for (let k = 0; k < own.tries; k++) {
      const draw = realOf(layout, k), given = draw.value(term);
      const right = draw.value(readFormula(question[layout].truth, settingOf(layout, question.layer)));
      if (`${given.shape}` !== `${right.shape}` || !given.data.every(Number.isFinite)) continue;
      const far = Math.max(...given.data.map((value, k) => Math.abs(value - right.data[k])));
      if (far > 1e-6 * (1 + Math.max(...right.data.map(Math.abs)))) return false;
    }
    return true;
  }

  /** {verdict, slip, tags, message, read, corrected} of an answer. */
  function grade(name, text, layout) {
    const question = own.questions[name], setting = settingOf(layout, question.layer), bench = benchOf(layout);
    const corrected = `${name} = ${question[layout].truth}`;
    const result = (verdict, message, read, tags = []) => ({
      verdict, message, read, tags, corrected, slip: tags.length === 1 ? tags[0] : null,
    });
    let term, unfit;
    try {
      term = readFormula(rightSide(name, text), setting);
      unfit = trouble(term, question, setting);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      return result("unreadable", fill(own.words.unreadable, { error: error.message }), "");
    }
    const read = `${name} = ${show(term)}`, values = { read, corrected, asked: name };
    try {
      if (!unfit && (isRight(bench, question, term) || agrees(term, question, layout))) {
        if ([...walk(term)].some((part) => part.key === leafOf(question).key)) return result("undecided", fill(own.words.circular, values), read);
        return result("correct", fill(read === corrected ? own.words.right : own.words.another, values), read);
      }
    } catch (error) {
      if (!(error instanceof NoValue)) throw error;
      return result("undecided", fill(own.words.undecided, { read, reason: error.message }), read);
    }
    const tags = recognise(bench, question, term, !unfit);
    if (!unfit && !tags.length && isOpen(term, question, layout)) {
      const reason = "not all identities of the functions in it are known here";
      return result("undecided", fill(own.words.undecided, { read, reason }), read);
    }
    const said = tags.length ? named(tags) : unfit ? "" : own.words.unnamed;
    const sentence = own.words[`wrong${unfit ? "_trouble" : ""}${said ? "_words" : ""}`];
    return result("incorrect", fill(sentence, { ...values, words: said, trouble: unfit }), read, tags);
  }

  function named(tags) {
    if (tags.length === 1) return own.words[`named ${tags[0]}`];
    const rows = tags.map((tag) => own.slips[tag]);
    return fill(own.words.together, {
      count: tags.length, whats: rows.map((row) => row.what).join(" and "), rules: rows.map((row) => row.rule).join("; "),
    });
  }

  return { grade };
}

/** What stands to the right of `delta2 =`, if that was written. */
function rightSide(name, text) {
  const found = /^([^=<>!()]*)=(?!=)(.*)$/s.exec(text);
  if (!found) return text;
  if (found[1].replace(/\s/g, "") !== name) throw new Unreadable(`asked for is ${name}, but the line defines ${found[1].trim()}`);
  return found[2];
}

/** Whether both are equal; a bias may stand or lie, and a number stands for a matrix of it. */
function same(base, right, answer) {
  const [, n, m] = right.shape;
  const lies = base === "db" && answer.shape[1] === m && answer.shape[2] === n;
  const own = lies ? { shape: [answer.shape[0], n, m], data: answer.data } : answer;
  try {
    return spread(own, right.shape).every((value, place) => value === right.data[place]);
  } catch {
    return false;
  }
}
