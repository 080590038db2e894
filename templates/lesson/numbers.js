// The example in numbers: every tensor's values, the entry that was pointed at with numbers plugged in, and fields for
// the given numbers. All are values of the derived programs.

"use strict";

const DIGITS = 4;

/** A number with few digits and a proper minus sign. */
function decimal(value) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "no number" : value > 0 ? "∞" : "−∞";
  const text = Number(value.toPrecision(DIGITS)).toString();
  return text.replace(/^-/, "−").replace(/e([+-])(\d+)/, (_, sign, power) => ` · 10^${sign === "-" ? "−" : ""}${power}`);
}

const escapeText = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const mathNumber = (value) => {
  const text = decimal(value);
  return text.startsWith("−") ? `<mrow><mo form="prefix">−</mo><mn>${text.slice(1)}</mn></mrow>` : `<mn>${text}</mn>`;
};
const bracketed = (inner) => `<mrow><mo form="prefix" fence="true">(</mo>${inner}<mo form="postfix" fence="true">)</mo></mrow>`;

/** {text, binds} of a tree with numbers for its entries and its sums written out, as MathML. */
function plugged(tree, at, world) {
  const [head, ...rest] = tree;
  const number = (value) => ({ text: mathNumber(value), binds: value < 0 ? 1 : 4 });
  const inside = (part, least) => {
    const { text, binds } = plugged(part, at, world);
    return binds >= least ? text : bracketed(text);
  };
  switch (head) {
    case "num":
      return rest[1] === 1 ? number(rest[0]) : { text: `<mfrac><mn>${rest[0]}</mn><mn>${rest[1]}</mn></mfrac>`, binds: 2 };
    case "sym":
      return number(rest[0] in at ? at[rest[0]] + 1 : rest[0] in world.sizes ? world.sizes[rest[0]] : world.tensors[rest[0]].data[0]);
    case "at":
      return number(valueAt(world.tensors[rest[0]], rest[1].map((index) => at[index])));
    case "sum": {
      let places = [at];
      for (const [index, size] of rest[0])
        places = places.flatMap((place) => Array.from({ length: world.sizes[size] }, (_, k) => ({ ...place, [index]: k })));
      const terms = places.map((place) => {
        const { text, binds } = plugged(rest[1], place, world);
        return binds >= 2 ? text : bracketed(text);
      });
      return { text: `<mrow>${withoutMiddle(terms, world).join("<mo>+</mo>")}</mrow>`, binds: terms.length > 1 ? 1 : 2 };
    }
    case "+": {
      const minus = (part) => part[0] === "*" && part[1][0] === "num" && part[1][1] === -1 && part[1][2] === 1;
      const ordered = [...rest].sort((a, b) => minus(a) - minus(b) || (b[0] === "sum") - (a[0] === "sum"));
      const text = ordered.map((part, k) => {
        if (!minus(part)) return (k ? "<mo>+</mo>" : "") + inside(part, k ? 2 : 1);
        const positive = part.length === 3 ? part[2] : ["*", ...part.slice(2)];
        return `<mo>−</mo>${inside(positive, 2)}`;
      });
      return { text: `<mrow>${text.join("")}</mrow>`, binds: 1 };
    }
    case "*": {
      const below = rest.filter((part) => part[0] === "^" && part[2] === -1), above = rest.filter((part) => !below.includes(part));
      const joined = (parts) => (parts.length ? parts.map((part) => inside(part, 2)).join("<mo>·</mo>") : "<mn>1</mn>");
      if (!below.length) return { text: `<mrow>${joined(above)}</mrow>`, binds: 2 };
      const bottom = below.map((part) => ["*", part[1]][1]), simple = above.length < 2 && (above[0] || [])[0] !== "sum";
      const top = simple && above.length ? plugged(above[0], at, world).text : "<mn>1</mn>";
      const quotient = `<mfrac><mrow>${top}</mrow><mrow>${bottom.map((part) => inside(part, bottom.length > 1 ? 2 : 1)).join("<mo>·</mo>")}</mrow></mfrac>`;
      return { text: simple ? quotient : `<mrow>${quotient}<mo>·</mo>${joined(above)}</mrow>`, binds: 2 };
    }
    case "^":
      if (rest[1] === 1) return plugged(rest[0], at, world);
      if (rest[1] === -1) return { text: `<mfrac><mn>1</mn><mrow>${plugged(rest[0], at, world).text}</mrow></mfrac>`, binds: 2 };
      return { text: `<msup><mrow>${inside(rest[0], 4)}</mrow><mn>${rest[1]}</mn></msup>`, binds: 3 };
    case "largest": {
      const [[index, size]] = rest[0], places = Array.from({ length: world.sizes[size] }, (_, k) => ({ ...at, [index]: k }));
      const all = places.map((place) => plugged(rest[1], place, world).text);
      const terms = withoutMiddle(all, world).join("<mo separator='true'>,</mo>");
      return { text: `<mrow><mtext>max</mtext><mo>&#8289;</mo>${bracketed(terms)}</mrow>`, binds: 4 };
    }
    case "f": {
      const [first, ...further] = rest[1].split(",").map(Number), [, letters, layer] = /^(\D+)(\d*)$/.exec(rest[0]);
      const primes = first ? `<mo form="postfix" lspace="0" rspace="0">${"′".repeat(first)}</mo>` : "";
      const by = further.map((order, k) => `<msub><mo form="prefix">∂</mo><mn>${k + 2}</mn></msub>`.repeat(order)).join("");
      const name = `<mrow><mi>${letters}</mi>${primes}</mrow>`, whole = layer ? `<msub>${name}<mn>${layer}</mn></msub>` : name;
      const parts = rest.slice(2).map((part) => plugged(part, at, world).text).join("<mo separator='true'>,</mo>");
      return { text: `<mrow>${by}${whole}<mo>&#8289;</mo>${bracketed(parts)}</mrow>`, binds: 4 };
    }
    case "call": {
      if (rest[0] === "sqrt") return { text: `<msqrt><mrow>${plugged(rest[1], at, world).text}</mrow></msqrt>`, binds: 4 };
      if (rest.length === 1) return number(floats.call(rest[0], []));
      const parts = rest.slice(1).map((part) => plugged(part, at, world).text).join("<mo separator='true'>,</mo>");
      return { text: `<mrow><mtext>${escapeText(rest[0])}</mtext><mo>&#8289;</mo>${bracketed(parts)}</mrow>`, binds: 4 };
    }
    case "where": {
      const chosen = rest[0].find(([, condition]) => condition[0] === "otherwise" || holds(condition, at, world));
      return plugged(chosen[0], at, world);
    }
  }
  return number(holds(tree, at, world) ? 1 : 0);
}

/** The terms; of many the first and the last. */
function withoutMiddle(terms, { most }) {
  return terms.length <= most ? terms : [...terms.slice(0, most - 2), "<mo>⋯</mo>", terms[terms.length - 1]];
}

/** Whether a comparison holds at these indices. */
function holds(tree, at, world) {
  const slots = {}, own = { ...world, at: [] };
  for (const [index, value] of Object.entries(at)) slots[index] = own.at.push(value) - 1;
  return compile(tree, slots, own)();
}

const valueAt = (tensor, place) => tensor.data[place.reduce((offset, i, axis) => offset + i * tensor.strides[axis], 0)];

/** A tensor's name as MathML, with `indices` below it. */
function symbolOf(data, name, indices) {
  const numbers = indices.map((i) => `<mn>${i + 1}</mn>`).join("<mo separator='true'>,</mo>");
  return data.symbols[name].replaceAll("<mi>@</mi>", `<mrow>${numbers}</mrow>`);
}

function startNumbers(data) {
  const functions = functionsIn(data, floats, "floats"), world = makeWorld(data, data.example.sizes, floats, functions);
  world.most = data.most_terms;
  const equations = Object.fromEntries([...data.forward, ...data.gradient].map((equation) => [equation.name, equation]));
  const chosen = {};
  for (const [name, values] of Object.entries(data.example.inputs)) world.tensors[name].data.set(flat(values));

  function table(name) {
    const { shape, data: values } = world.tensors[name], columns = shape.length === 2 ? shape[1] : shape[0] ?? 1;
    const rows = shape.length === 2 ? shape[0] : 1, cells = [];
    for (let r = 0; r < rows; r++) {
      const row = [];
      for (let c = 0; c < columns; c++) {
        const place = shape.length === 2 ? [r, c] : shape.length ? [c] : [];
        const pressed = `${place}` === `${chosen[name]}`, said = place.map((i) => i + 1).join(", ");
        const label = `${name}${said ? ` at ${said}` : ""}: ${decimal(values[r * columns + c])}`;
        row.push(`<td><button type="button" data-place="${place}" aria-pressed="${pressed}" aria-label="${label}">${decimal(values[r * columns + c])}</button></td>`);
      }
      cells.push(`<tr>${row.join("")}</tr>`);
    }
    return `<table class="values"><caption class="away">All entries of ${name}</caption><tbody>${cells.join("")}</tbody></table>`;
  }

  function show(panel) {
    const name = panel.dataset.numbers, equation = equations[name];
    if (!equation) return;
    chosen[name] ??= equation.indices.map(() => 0);
    const at = Object.fromEntries(equation.indices.map((index, k) => [index, chosen[name][k]]));
    const value = mathNumber(valueAt(world.tensors[name], chosen[name])), middle = plugged(equation.value, at, world).text;
    const said = middle === value ? "" : `<mo>=</mo>${value}`;
    panel.innerHTML =
      `<div class="scroll" role="group" tabindex="0" aria-label="${name} with numbers plugged in"><math>${`<mrow>${symbolOf(data, name, chosen[name])}<mo>=</mo>${middle}${said}</mrow>`}</math></div>` +
      `<div class="scroll" role="group" tabindex="0" aria-label="the entries of ${name}">${table(name)}</div>`;
  }

  // Panels are filled in when they are looked at; until then they show the first entry, as the page came.
  const panels = [...document.querySelectorAll("[data-numbers]")], main = document.querySelector("main");
  const fillIn = () => panels.forEach(show);
  addEventListener("beforeprint", fillIn);
  main.addEventListener("view", () => main.dataset.view === "numbers" && fillIn());
  function refresh() {
    world.run();
    if (main.dataset.view === "numbers") fillIn();
    document.getElementById("example-loss").textContent = decimal(world.tensors.loss.data[0]);
  }
  for (const panel of panels)
    panel.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-place]");
      if (!button) return;
      chosen[panel.dataset.numbers] = button.dataset.place ? button.dataset.place.split(",").map(Number) : [];
      show(panel);
      panel.querySelector(`[data-place="${button.dataset.place}"]`).focus();
    });
  document.getElementById("given").addEventListener("input", (event) => {
    const { tensor, place } = event.target.dataset, value = event.target.valueAsNumber;
    event.target.setAttribute("aria-invalid", String(!Number.isFinite(value)));
    if (!Number.isFinite(value)) return;
    const at = place.split(",").map(Number), own = world.tensors[tensor];
    own.data[at.reduce((offset, i, axis) => offset + i * (own.strides[axis] ?? 1), 0)] = value;
    refresh();
  });
  document.getElementById("given").addEventListener("reset", () => {
    for (const [name, values] of Object.entries(data.example.inputs)) world.tensors[name].data.set(flat(values));
    requestAnimationFrame(refresh);
  });
  refresh();
  return { tensor: (name) => [...world.tensors[name].data] };
}
