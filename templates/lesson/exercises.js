// Exercises: an answer is graded as `derive grade` does, hints come one at a time, and a slip has to be found.

"use strict";

const HINTS = ["The rule", "The shapes", "The indices", "The line"];
const MARKS = { correct: "✓ Right", incorrect: "✗ Not yet", unreadable: "… Unreadable", undecided: "? Undecided" };

function startExercises(data) {
  const element = (id) => document.getElementById(id), grader = makeGrader(data), { questions, slips, puzzles } = data.grading;
  const done = new Set(), layout = () => element("layout").value;
  const named = (own) => Object.keys(questions).filter((name) => own in questions[name]);
  const layouts = [...element("layout").options].map((option) => option.value), count = layouts.flatMap(named).length;
  if (!count) {
    element("exercises-none").hidden = false;
    element("exercises-all").hidden = true;
    return { grade: () => null };
  }

  // One formula.
  let hints = [], given = 0;
  const ask = () => {
    const question = questions[element("asked").value];
    hints = question.hints;
    given = 0;
    element("answer").value = "";
    element("hints").replaceChildren();
    element("hint").disabled = false;
    element("verdict").replaceChildren();
    element("verdict").className = "verdict";
    element("answer-name").textContent = `${element("asked").value} = `;
  };
  const offer = () => {
    const before = element("asked").value;
    element("asked").replaceChildren(...named(layout()).map((name) => new Option(name, name, false, name === before)));
    ask();
  };
  element("asked").addEventListener("change", ask);
  element("layout").addEventListener("change", offer);
  element("next").addEventListener("click", () => {
    const names = named(layout());
    element("asked").value = names[(names.indexOf(element("asked").value) + 1) % names.length];
    ask();
    element("answer").focus();
  });
  element("exercise").addEventListener("submit", (event) => {
    event.preventDefault();
    const found = grader.grade(element("asked").value, element("answer").value, layout());
    const [mark, message] = [document.createElement("strong"), document.createElement("p")];
    mark.textContent = MARKS[found.verdict];
    message.textContent = element("reveal").checked ? found.message : withoutAnswer(found);
    element("verdict").replaceChildren(mark, message);
    element("verdict").className = `verdict ${found.verdict}`;
    element("verdict").dataset.slip = found.slip ?? "";
    if (found.verdict === "correct") {
      done.add(`${layout()} ${element("asked").value}`);
      element("done").textContent = `${done.size} of ${count} right so far.`;
    }
    if (found.tags.length) {
      hints = slips[found.tags[0]].hints;
      given = 0;
      element("hints").replaceChildren();
      element("hint").disabled = false;
    }
  });
  element("hint").addEventListener("click", () => {
    addHint(element("hints"), given, hints[given]);
    given++;
    element("hint").disabled = given === hints.length;
  });

  // A derivation with one wrong line.
  let puzzle = 0, puzzleHints = 0;
  const pose = () => {
    const { lines, layout } = puzzles[puzzle], list = element("puzzle-lines");
    element("puzzle-number").textContent = `Derivation ${puzzle + 1} of ${puzzles.length}, in ${layout}`;
    list.replaceChildren(
      ...lines.map(([quantity, formula], k) => {
        const item = document.createElement("li"), button = document.createElement("button");
        button.type = "button";
        button.dataset.line = k;
        button.textContent = `${quantity} = ${formula}`;
        item.append(button);
        return item;
      }),
    );
    element("puzzle-verdict").replaceChildren();
    element("puzzle-verdict").className = "verdict";
    element("puzzle-hints").replaceChildren();
    puzzleHints = 0;
    element("puzzle-hint").disabled = false;
  };
  element("puzzle-lines").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const { lines, wrong, tag, layout } = puzzles[puzzle], [quantity, formula] = lines[button.dataset.line];
    const found = grader.grade(quantity, formula, layout), hit = Number(button.dataset.line) === wrong;
    for (const other of element("puzzle-lines").querySelectorAll("button")) other.removeAttribute("aria-pressed");
    button.setAttribute("aria-pressed", "true");
    const [mark, message] = [document.createElement("strong"), document.createElement("p")];
    mark.textContent = hit ? "✓ Found" : "✗ Not this one";
    message.textContent = hit ? `${data.grading.words[`named ${tag}`]} ${found.corrected ? `Right is ${found.corrected}.` : ""}` : "This line is right.";
    element("puzzle-verdict").replaceChildren(mark, message);
    element("puzzle-verdict").className = `verdict ${hit ? "correct" : "incorrect"}`;
  });
  element("puzzle-hint").addEventListener("click", () => {
    const all = slips[puzzles[puzzle].tag].hints;
    addHint(element("puzzle-hints"), puzzleHints, all[puzzleHints]);
    puzzleHints++;
    element("puzzle-hint").disabled = puzzleHints === all.length;
  });
  element("puzzle-next").addEventListener("click", () => {
    puzzle = (puzzle + 1) % puzzles.length;
    pose();
  });
  offer();
  if (puzzles.length) pose();
  else element("puzzle").hidden = true;
  return { grade: grader.grade };
}

function addHint(list, position, text) {
  const item = document.createElement("li"), name = document.createElement("strong");
  name.textContent = `${HINTS[position]}: `;
  item.append(name, text);
  list.append(item);
}

/** The message of a wrong answer, as far as it does not give away what is right. */
function withoutAnswer(found) {
  return found.verdict === "correct" ? found.message : found.message.replace(` Right is ${found.corrected}.`, "");
}
