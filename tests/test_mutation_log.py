"""The log of mutation testing: a run that was cut short goes on, but not with other modules or tests."""

import pytest

from benchmarks.mutation_log import OtherSourcesError, opened


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "derive").mkdir()
    (tmp_path / "derive" / "x.py").write_text("1")
    return tmp_path / "derive"


def test_what_was_noted_is_known_afterwards(folder, tmp_path):
    path = tmp_path / "log"
    opened(path, (folder,)).note("x.py", "2", "killed", line=1)
    opened(path, (folder,)).note("x.py", "3", "survived", line=1)
    again = opened(path, (folder,))
    outcomes = [again.outcome(*of) for of in (("x.py", "2"), ("x.py", "3"), ("x.py", "4"), ("y.py", "2"))]
    assert outcomes == ["killed", "survived", None, None]


def test_a_line_that_was_cut_short_is_as_if_never_written(folder, tmp_path):
    path = tmp_path / "log"
    for text in "23":
        opened(path, (folder,)).note("x.py", text, "killed")
    path.write_text(path.read_text()[:-5])
    opened(path, (folder,)).note("x.py", "4", "killed")
    again = opened(path, (folder,))
    assert [again.outcome("x.py", text) for text in "234"] == ["killed", None, "killed"]


def test_other_sources_are_no_continuation(folder, tmp_path):
    opened(tmp_path / "log", (folder,))
    (folder / "x.py").write_text("2")
    with pytest.raises(OtherSourcesError, match="have changed"):
        opened(tmp_path / "log", (folder,))


def test_without_a_file_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    log = opened(None)
    log.note("x.py", "2", "killed")
    assert log.outcome("x.py", "2") == "killed"
    assert not list(tmp_path.iterdir())
