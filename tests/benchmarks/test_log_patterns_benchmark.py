"""The benchmark of log templates scores as its labels say and reads the layout it is meant for."""

import csv
import lzma
from collections.abc import Sequence
from pathlib import Path

import pytest
from benchmarks.log_patterns import (
    Labelled,
    measure_speed,
    parse,
    read_systems,
    score,
    summed,
    with_digits_redrawn,
)

LINES = ["took 17 ms", "took 19 ms", "cache is full", "user 7 left", "user 8 came"]
TRUE = ["took <*> ms", "took <*> ms", "cache is full", "user <*> <*>", "user <*> <*>"]


def test_scores_are_those_of_the_definitions() -> None:
    """Of three true templates two are found, one of them with another text."""

    def fixed(lines: Sequence[str]) -> tuple[Sequence[int], Sequence[str]]:
        return [0, 0, 1, 2, 3], ["took <*> ms", "cache <*>", "user <*> left", "user <*> came"]

    found = score(Labelled(LINES, TRUE, []), fixed)
    assert (3 / 5, 2 * 2 / 7, 2 / 5, 2 * 1 / 7) == (
        found.grouping_accuracy,
        found.f1_grouping,
        found.parsing_accuracy,
        found.template_accuracy,
    )
    assert found.grouping_accuracy_original is None


def test_reads_packed_and_plain_folders(tmp_path: Path) -> None:
    """Each system is a folder; original labels may be missing, and other folders are left out."""
    (tmp_path / "loghub" / "A").mkdir(parents=True)
    (tmp_path / "loghub" / "empty").mkdir()
    plain = tmp_path / "loghub" / "A" / "A_2k.log_structured_corrected.csv"
    with plain.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["LineId", "Content", "EventId", "EventTemplate"])
        writer.writerows(
            [n, line, "E", template]
            for n, (line, template) in enumerate(zip(LINES, TRUE, strict=True))
        )
    packed = tmp_path / "loghub" / "B" / "B_2k.log_structured_corrected.csv.xz"
    packed.parent.mkdir()
    packed.write_bytes(lzma.compress(plain.read_bytes()))
    found = read_systems(tmp_path)
    assert {"A": Labelled(LINES, TRUE, []), "B": Labelled(LINES, TRUE, [])} == found
    scores = {name: score(each, parse) for name, each in found.items()}
    assert summed(scores)["mean_grouping_accuracy"] == pytest.approx(3 / 5)


def test_redrawn_digits_keep_the_templates() -> None:
    """Other numbers, the same words: as many templates as before."""
    systems = {"A": Labelled(LINES, TRUE, [])}
    assert 4 == measure_speed(systems, 1_000, 1, None)["redrawn_templates"]
    assert ["a", "é-"] == [
        each.strip("0123456789") for each in with_digits_redrawn(["a1", "é-22"], 1)
    ]
