"""Exercise sheets: drawn with a seed, graded by the toolkit, recorded as JSON lines, counted over a class."""

from __future__ import annotations

import json

import pytest

from derive import Architecture, DeriveError, grade
from derive.proof.grading.slips import BY_TAG
from derive.teach.exercises.answers import desk, read_answers, report
from derive.teach.exercises.exercises import asked_of, assumed, puzzles
from derive.teach.exercises.handout import HANDOUTS, handout
from derive.teach.exercises.sheet import sheet

NETWORK = Architecture((3, 4, 2), ("tanh", "sigmoid"), name="a_b")


def test_the_seed_decides():
    assert sheet(NETWORK, 7) == sheet(NETWORK, 7)
    assert sheet(NETWORK, 7) != sheet(NETWORK, 8)
    assert handout(NETWORK, 7) == handout(NETWORK, 7)


@pytest.mark.parametrize("seed", range(4))
def test_solutions_are_right_and_wrong_lines_are_wrong(seed):
    for exercise in sheet(NETWORK, seed, 9):
        assert grade(exercise.quantity, exercise.solution, NETWORK, exercise.layout).verdict == "correct"
        for position, line in enumerate(exercise.lines):
            quantity, _, formula = line.partition(" = ")
            found = grade(quantity, formula, NETWORK, exercise.layout)
            expected = ("incorrect", exercise.slip) if position == exercise.wrong else ("correct", None)
            assert (found.verdict, found.slip) == expected


def test_every_slipped_formula_is_named_as_it_says():
    for one in asked_of(NETWORK)[::3]:
        for tag, formula in one.slips[::4]:
            assert grade(one.quantity, formula, NETWORK, one.layout).verdict == "incorrect"
            assert tag in BY_TAG


def test_puzzles_repeat_no_slip_in_a_layout():
    made = puzzles(NETWORK, 30)
    assert len(made) >= 12
    assert len({(p.layout, p.tag) for p in made}) == len(made)


@pytest.mark.parametrize(
    ("network", "missing"),
    [
        (NETWORK, set()),
        (Architecture((3, 2), ("gelu",)), set()),
        (Architecture((3, 4, 3), ("tanh", "softmax"), loss="cross_entropy"), set()),
        (Architecture((3, 2), ("sigmoid",), loss="binary_cross_entropy"), set()),
        (Architecture((3, 2), ("prelu",)), set()),
        (Architecture((3, 4, 2), ("tanh",) * 2, layers=[{"dropout": 0.5}, {}], sample_weights=True), set()),
        (Architecture((3, 2), ("tanh",), penalty={"l2": 0.1}), {"dW1"}),
    ],
)
def test_exercises_are_about_what_has_a_formula(network, missing):
    found = asked_of(network)
    every = {f"{base}{layer}" for base in ("delta", "dW", "db") for layer in range(1, network.depth + 1)}
    assert every - {one.quantity for one in found if one.layout == "columns"} == missing
    for one in found:
        assert grade(one.quantity, one.truth, network, one.layout).verdict == "correct"
    for exercise in sheet(network, 3, 4):
        assert exercise.solution


def test_what_is_assumed_is_said():
    network = Architecture((3, 4, 2), ("prelu", "tanh"), layers=[{"dropout": 0.5}, {}], sample_weights=True)
    assert len(assumed(network)) == 3
    for format in HANDOUTS:
        assert all(words in handout(network, 1, format=format) for words in assumed(network))
    assert assumed(NETWORK) == ()


@pytest.mark.parametrize("count", [0, 51])
def test_a_sheet_has_an_end(count):
    with pytest.raises(DeriveError, match="1 to 50"):
        sheet(NETWORK, 0, count)


def test_solutions_only_where_they_are_asked_for():
    plain, solved = handout(NETWORK, 3), handout(NETWORK, 3, solutions=True)
    assert "Solution" not in plain
    assert solved.count("Solution") == 8
    book, solved_book = (json.loads(handout(NETWORK, 3, 8, "notebook", solutions=s)) for s in (False, True))
    answers = [cell["source"] for cell in book["cells"] if cell["source"].startswith("answer")]
    assert all(text.startswith(('answer = ""', "answer = 0  #")) for text in answers)
    code = [cell["source"] for cell in book["cells"] if cell["cell_type"] == "code"]
    assert not any(e.solution in text for e in sheet(NETWORK, 3) if not e.lines for text in code)
    assert sum("answer = " in cell["source"] for cell in solved_book["cells"]) == 8


def test_answers_are_recorded_and_counted(tmp_path):
    record = tmp_path / "answers.jsonl"
    own = desk(NETWORK, 1, 6, str(record))
    written = next(e for e in own.exercises if e.quantity.startswith("delta") and not e.lines)
    puzzle = next(e for e in own.exercises if e.lines)
    assert "not answered" in own.check(written.number, "")
    assert not record.exists()
    assert own.check(written.number, written.solution).startswith("Right")
    own.check(written.number, f"-({written.solution})")
    own.check(written.number, "a1 +")
    assert own.check(puzzle.number, puzzle.wrong + 1).startswith("Found")
    own.check(puzzle.number, (puzzle.wrong + 1) % len(puzzle.lines) + 1)
    answers = read_answers(record)
    assert [answer.verdict for answer in answers] == ["correct", "incorrect", "unreadable", "correct", "incorrect"]
    assert [answer.slip for answer in answers] == [None, "sign", None, puzzle.slip, puzzle.slip]
    text = report([*answers, *answers])
    assert f"exercise {written.number}, {written.quantity} in {written.layout}: 2 of 6 right" in text
    assert "   2  sign: the wrong sign" in text
    assert "10 answers in all" in text
    assert report(answers[:1]).endswith("1 answer in all. No slip has a name.\n")
    with pytest.raises(DeriveError, match="no answer"):
        report([])


def test_sheets_are_counted_apart(derive, tmp_path):
    """Counts by hand: two files with lines of two sheets, whose exercises have the same numbers."""
    lines = [GOOD.replace('"s"', f'"{sheet}"').replace(": 1,", f": {number},") for sheet, number in
             (("3-4-2 seed 1", 2), ("3-4-2 seed 1", 10), ("3-4-2 seed 2", 2), ("3-4-2 seed 1", 2))]  # fmt: skip
    wrong = lines[0].replace("correct", "incorrect")[:-1] + ', "slip": "sign"}'
    (tmp_path / "anna.jsonl").write_text("\n".join(lines[:2]) + f"\n\n{wrong}\n")
    (tmp_path / "ben.jsonl").write_text("\n".join(lines[2:]) + "\n")
    found = derive("exercises", "--report", tmp_path / "anna.jsonl", "--report", tmp_path / "ben.jsonl").out
    assert found.splitlines() == [
        "3-4-2 seed 1, exercise 2, dW1 in rows: 2 of 3 right",
        "       1  sign",
        "3-4-2 seed 1, exercise 10, dW1 in rows: 1 of 1 right",
        "3-4-2 seed 2, exercise 2, dW1 in rows: 1 of 1 right",
        "",
        "5 answers in all. Slips, the most frequent first:",
        "       1  sign: the wrong sign, such as y - a for a - y",
    ]


def test_an_exercise_that_is_not_on_the_sheet(tmp_path):
    with pytest.raises(DeriveError, match="not on this sheet"):
        desk(NETWORK, 1, 6, str(tmp_path / "answers.jsonl")).check(99, "a1")


PASTED = {
    "from a PDF": "delta2\u00a0@\u00a0W2",
    "a line separator": "delta2\u2028@ W2",
    "a line": "delta2\n@ W2",
    "half a character": "delta2 @ \ud800",
    "a byte order mark": "\ufeffdelta2 @ W2",
    "an escape": "\x1b[2J",
    "a book": "x" * 3_000_000,
}


def test_whatever_a_student_pastes_is_recorded_and_counted(derive, tmp_path):
    record = tmp_path / "answers.jsonl"
    own = desk(NETWORK, 1, 6, str(record))
    number = next(e.number for e in own.exercises if not e.lines)
    for text in PASTED.values():
        own.check(number, text)
    assert [answer.answer for answer in read_answers(record)] == [text[:1000] for text in PASTED.values()]
    found = derive("exercises", "--report", record)
    assert (found.status, found.err) == (0, "")
    assert f"{len(PASTED)} answers in all" in found.out
    assert found.out.isascii()


def test_records_of_other_programs_are_read(tmp_path):
    """With a byte order mark before each of two files put together, and characters that are no ends of lines."""
    marked = "\ufeff" + GOOD.replace("a0", "a0\u2028\x85") + "\r\n"
    (tmp_path / "record.jsonl").write_text(marked * 2, encoding="utf-8")
    assert [answer.answer for answer in read_answers(tmp_path / "record.jsonl")] == ["a0\u2028\x85"] * 2


GOOD = '{"sheet": "s", "exercise": 1, "quantity": "dW1", "layout": "rows", "answer": "a0", "verdict": "correct"}'


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 2: not JSON"),
        ("[]", "line 2: not an answer"),
        (GOOD.replace('"exercise": 1', '"exercise": "1"'), "exercise is '1'"),
        (GOOD.replace("correct", "splendid"), "'splendid' is no verdict"),
        (GOOD[:-1] + ', "slip": "laziness"}', "'laziness' is no slip's tag"),
        (GOOD[:-1] + ', "more": 1}', "not an answer"),
        ("[" * 100_000, "line 2: not JSON"),
        (GOOD.replace('"s"', r'"s\nFORGED, exercise 1: 9 of 9 right"'), "line 2: sheet has the character U+000A"),
        (GOOD.replace("dW1", r"dW1\tin"), "line 2: quantity has the character U+0009"),
        (GOOD.replace("rows", r"rows\u2028"), "line 2: layout has the character U+2028"),
        (GOOD.replace("rows", "r" * 1001), "line 2: layout has 1001 characters; at most 1000"),
        (GOOD.replace(": 1,", ": 51,"), "line 2: exercise is 51; they are 1..50"),
        (GOOD.replace(": 1,", ": -1,"), "line 2: exercise is -1"),
    ],
)
def test_a_record_that_is_none(derive, tmp_path, line, words):
    path = tmp_path / "record.jsonl"
    path.write_text(f"{GOOD}\n{line}\n")
    found = derive("exercises", "--report", path)
    assert (found.status, found.out) == (2, "")
    assert words in found.err
    assert len(found.err.splitlines()) == 1


def test_the_command(derive, tmp_path):
    assert derive("exercises", "--layers", "3-4-2", "--seed", "7").status == 0
    assert (tmp_path / "network_exercises.tex").read_text() == handout(Architecture((3, 4, 2), ("tanh", "identity")), 7)
    solved = derive("exercises", "--layers", "3-4-2", "--format", "notebook", "--solutions", "-o", "-")
    assert json.loads(solved.out)["nbformat"] == 4
    for wrong in (["--seed", "x"], ["--count", "-1"], ["--format", "pdf"], ["--count", "99"]):
        found = derive("exercises", "--layers", "3-4-2", *wrong)
        assert found.status == 2
        assert len(found.err.splitlines()) == 1
    path = tmp_path / "record.jsonl"
    path.write_text(GOOD + "\n")
    assert "1 of 1 right" in derive("exercises", "--report", path).out
    assert derive("exercises", "--layers", "3-4-2", "--report", path).status == 2
    assert derive("exercises").status == 2
