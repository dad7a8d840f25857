"""
How well and how fast log lines become templates, beside Drain3 in the same run.

    python benchmarks/log_patterns.py --data DIR [--json] [--quick] [--figure FILE]

DIR holds a folder for each system in the layout of Loghub's 2k samples: `*_structured_corrected.csv`,
`*_structured.csv` (optional), either packed with xz or not. One configuration for all systems: ours has
none, Drain3 keeps its defaults. Per system, against the corrected labels:

  grouping_accuracy           lines whose group holds exactly the lines of their true template
  f1_grouping                 F1 over templates: the group is right
  parsing_accuracy            lines whose template has the true text
  template_accuracy           F1 over templates: group and text are right (FTA)
  grouping_accuracy_original  as the first, against the original labels

`generated` holds the same for the made-up systems of `log_systems.py`, by the seed.

`mean_…` over systems, `worst_…` over the worst tenth of them (at least one). Then all systems' lines in
turn make a million (quick: 250,000), once as they are and once with every digit drawn anew:

  lines_per_core_second, ratio_to_drain3              as they are: shapes, examples, templates
  redrawn_lines_per_core_second, redrawn_ratio_to_drain3
  redrawn_templates_ratio                             templates then, over those of the plain lines

Times are processor seconds of one core. Drain3 is in the extra `bench`; without it its figures are null.
"""

import argparse
import csv
import io
import json
import lzma
import math
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

if __package__ in {None, ""}:
    sys.path[:0] = [str(Path(__file__).resolve().parents[1] / part) for part in ("", "src")]

from benchmarks.log_systems import systems as made_up_systems

from tracepulse.derive.log_templates import LogShape, log_templates
from tracepulse.derive.log_values import value_tokens
from tracepulse.store.load.pattern_shapes import pattern_shapes
from tracepulse.store.load.shape_examples import EXAMPLES, NO_HASH, lowest_hashes
from tracepulse.store.load.texts import bytes_at, dictionary

SEED = 20261122
METRICS = ("grouping_accuracy", "f1_grouping", "parsing_accuracy", "template_accuracy")
TARGETS = dict(zip(METRICS, (0.95, 0.87, 0.72, 0.65), strict=True))
Parse = Callable[[Sequence[str]], tuple[Sequence[int], Sequence[str]]]
"""Lines to the group of each, and the text of each group."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A system's lines with their true templates."""

    lines: list[str]
    templates: list[str]
    original: list[str]
    """Before their correction; empty where these labels are missing."""


@dataclass(frozen=True, slots=True)
class Score:
    """How the templates of one system compare with the true ones."""

    grouping_accuracy: float
    f1_grouping: float
    parsing_accuracy: float
    template_accuracy: float
    grouping_accuracy_original: float | None
    templates: int
    true_templates: int
    lines_per_core_second: float


def _rows(path: Path) -> list[dict[str, str]]:
    data = path.read_bytes()
    text = lzma.decompress(data) if path.suffix == ".xz" else data
    return list(csv.DictReader(io.StringIO(text.decode("utf-8"), newline="")))


def _only(folder: Path, pattern: str) -> Path | None:
    found = sorted([*folder.glob(pattern), *folder.glob(f"{pattern}.xz")])
    return found[0] if found else None


def read_systems(folder: Path) -> dict[str, Labelled]:
    """Return the systems below a folder, by name; the folder may hold them in `loghub`."""
    found = {}
    for each in sorted({*folder.glob("*/"), *folder.glob("loghub/*/")}):
        corrected = _only(each, "*_structured_corrected.csv")
        if corrected is None:
            continue
        rows = _rows(corrected)
        plain = _only(each, "*_structured.csv")
        found[each.name] = Labelled(
            [row["Content"] for row in rows],
            [row["EventTemplate"] for row in rows],
            [row["EventId"] for row in _rows(plain)] if plain else [],
        )
    return found


# -- the miners ----------------------------------------------------------------------------------


def parse(lines: Sequence[str]) -> tuple[Sequence[int], Sequence[str]]:
    """Do what the store and the derivation do with lines, which hold no NUL."""
    joined = "\0".join(lines).encode("utf-8", "replace")
    text = np.frombuffer(joined + bytes(16), np.uint8)
    ends = np.append(np.flatnonzero(text[: len(joined)] == 0), len(joined))
    starts = np.append(0, ends[:-1] + 1)
    places = (starts << 24) | (ends - starts)
    shape_text, shapes = pattern_shapes(text, places)
    codes, distinct = dictionary(shape_text, shapes)
    known = np.full((len(distinct), EXAMPLES), NO_HASH, np.uint64)
    chosen = lowest_hashes(text, places, codes, known)
    found = log_templates(
        LogShape(
            bytes_at(shape_text, place).decode("utf-8", "replace"),
            tuple(lines[n] for n in chosen[code].tolist() if n >= 0),
        )
        for code, place in enumerate(distinct.tolist())
    )
    of_shape = {shape: n for n, each in enumerate(found) for shape in each.shapes}
    number = np.array(
        [of_shape[bytes_at(shape_text, place).decode("utf-8", "replace")] for place in distinct],
        np.int64,
    )
    return number[codes].tolist(), [each.text for each in found]


def drain3() -> Parse | None:
    """Return Drain3 as it is when it is installed and nothing is set, or None without it."""
    try:
        from drain3 import TemplateMiner
        from drain3.template_miner_config import TemplateMinerConfig
    except ImportError:
        return None

    def parse_with_drain3(lines: Sequence[str]) -> tuple[Sequence[int], Sequence[str]]:
        miner = TemplateMiner(config=TemplateMinerConfig())
        groups = [miner.add_log_message(line)["cluster_id"] for line in lines]
        places = {each.cluster_id: n for n, each in enumerate(miner.drain.clusters)}
        texts = [each.get_template() for each in miner.drain.clusters]
        return [places[each] for each in groups], texts

    return parse_with_drain3


# -- scores --------------------------------------------------------------------------------------


def _members(labels: Sequence[Any]) -> dict[Any, frozenset[int]]:
    found = defaultdict(list)
    for n, label in enumerate(labels):
        found[label].append(n)
    return {label: frozenset(lines) for label, lines in found.items()}


def _grouping_accuracy(labels: Sequence[str], groups: Sequence[int]) -> float:
    ours = set(_members(groups).values())
    return sum(len(lines) for lines in _members(labels).values() if lines in ours) / len(labels)


def _same(one: str, other: str) -> bool:
    return one.split() == other.split()


def score(system: Labelled, parser: Parse) -> Score:
    """Compare the templates of a system's lines with the true ones."""
    began = time.process_time()
    groups, texts = parser(system.lines)
    spent = time.process_time() - began
    ours = {lines: group for group, lines in _members(groups).items()}
    true = _members(system.templates)
    right = [label for label, lines in true.items() if lines in ours]
    exact = [label for label in right if _same(label, texts[ours[true[label]]])]
    both = len(true) + len(ours)
    count = len(system.lines)
    return Score(
        grouping_accuracy=sum(len(true[label]) for label in right) / count,
        f1_grouping=2 * len(right) / both,
        parsing_accuracy=sum(
            _same(label, texts[group])
            for label, group in zip(system.templates, groups, strict=True)
        )
        / count,
        template_accuracy=2 * len(exact) / both,
        grouping_accuracy_original=(
            _grouping_accuracy(system.original, groups) if len(system.original) == count else None
        ),
        templates=len(ours),
        true_templates=len(true),
        lines_per_core_second=count / max(spent, 1e-9),
    )


def summed(scores: Mapping[str, Score]) -> dict[str, float]:
    """Return the mean of each metric, and that of its worst tenth."""
    found = {}
    for metric in METRICS:
        values = sorted(getattr(each, metric) for each in scores.values())
        worst = values[: math.ceil(len(values) / 10)]
        found[f"mean_{metric}"] = sum(values) / len(values)
        found[f"worst_{metric}"] = sum(worst) / len(worst)
    return found


# -- speed ---------------------------------------------------------------------------------------


def replicate(systems: Mapping[str, Labelled], count: int) -> list[str]:
    """Return so many lines: those of all systems, over and over."""
    lines = [line for each in systems.values() for line in each.lines]
    return (lines * (count // len(lines) + 1))[:count]


def with_digits_redrawn(lines: Sequence[str], seed: int) -> list[str]:
    """Return the lines with every ASCII digit drawn anew."""
    text = np.frombuffer("\n".join(lines).encode("utf-8", "replace"), np.uint8).copy()
    digits = np.flatnonzero((text >= 48) & (text <= 57))
    text[digits] = np.random.default_rng(seed).integers(48, 58, len(digits), np.uint8)
    return text.tobytes().decode("utf-8", "replace").split("\n")


def speed(parser: Parse, lines: Sequence[str]) -> tuple[float, int]:
    """Return lines per processor second, and how many templates came out."""
    value_tokens.cache_clear()
    began = time.process_time()
    _, texts = parser(lines)
    return len(lines) / (time.process_time() - began), len(texts)


def measure_speed(
    systems: Mapping[str, Labelled], count: int, seed: int, other: Parse | None
) -> dict[str, Any]:
    """Measure both miners on plain and on redrawn lines."""
    plain = [line.replace("\n", " ") for line in replicate(systems, count)]
    redrawn = with_digits_redrawn(plain, seed)
    ours, templates = speed(parse, plain)
    ours_redrawn, templates_redrawn = speed(parse, redrawn)
    found: dict[str, Any] = {
        "lines": count,
        "lines_per_core_second": ours,
        "templates": templates,
        "redrawn_lines_per_core_second": ours_redrawn,
        "redrawn_templates": templates_redrawn,
        "redrawn_templates_ratio": templates_redrawn / templates,
        "ratio_to_drain3": None,
        "redrawn_ratio_to_drain3": None,
    }
    if other:
        theirs, clusters = speed(other, plain)
        theirs_redrawn, clusters_redrawn = speed(other, redrawn)
        found |= {
            "ratio_to_drain3": ours / theirs,
            "redrawn_ratio_to_drain3": ours_redrawn / theirs_redrawn,
            "drain3_lines_per_core_second": theirs,
            "drain3_templates": clusters,
            "drain3_redrawn_lines_per_core_second": theirs_redrawn,
            "drain3_redrawn_templates": clusters_redrawn,
        }
    return found


def measure(folder: Path, quick: bool, seed: int) -> dict[str, Any]:
    """
    Score and time everything.

    Raises:
        SystemExit: the folder holds no system.
    """
    systems = read_systems(folder)
    if not systems:
        raise SystemExit(f"{folder}: no folder with a *_structured_corrected.csv[.xz] in it")
    parse(next(iter(systems.values())).lines)  # compiles
    other = drain3()
    return {
        **scored(systems, other),
        **measure_speed(systems, 250_000 if quick else 1_000_000, seed, other),
        "generated": scored(generated_systems(seed), other),
        "skipped": [] if other else ["drain3 is not installed: pip install -e '.[bench]'"],
    }


def generated_systems(seed: int) -> dict[str, Labelled]:
    """Return the made-up systems of `log_systems.py`."""
    return {
        name: Labelled([each.body for each in lines], [each.template for each in lines], [])
        for name, lines in made_up_systems(seed).items()
    }


def scored(systems: Mapping[str, Labelled], other: Parse | None) -> dict[str, Any]:
    """Return what each system scores, with means and the worst, beside the other miner."""
    ours = {name: score(each, parse) for name, each in systems.items()}
    theirs = {name: score(each, other) for name, each in systems.items()} if other else {}
    return {
        **summed(ours),
        "systems": {
            name: {**asdict(each), "drain3": asdict(theirs[name]) if other else None}
            for name, each in ours.items()
        },
        "drain3": summed(theirs) if other else None,
    }


def _print_scores(found: Mapping[str, Any]) -> None:
    print(
        f"{'':14}{'GA':>7}{'FGA':>7}{'PA':>7}{'FTA':>7}   templates (true)   Drain3 GA, FGA, PA, FTA"
    )
    for name, each in found["systems"].items():
        values = "".join(f"{each[metric]:7.3f}" for metric in METRICS)
        theirs = each["drain3"]
        beside = "".join(f"{theirs[metric]:7.3f}" for metric in METRICS) if theirs else ""
        counts = f"{each['templates']} ({each['true_templates']})"
        print(f"{name:14}{values}   {counts:>16}   {beside}")
    for what in ("mean", "worst"):
        print(f"{what:14}" + "".join(f"{found[f'{what}_{metric}']:7.3f}" for metric in METRICS))


def _report(found: Mapping[str, Any]) -> None:
    _print_scores(found)
    print("made-up systems")
    _print_scores(found["generated"])
    for key, value in found.items():
        if key not in {"systems", "drain3", "generated", "skipped"} and not key.startswith(
            ("mean_", "worst_")
        ):
            print(f"{key:40} {value:,.4g}" if value is not None else f"{key:40} not measured")
    for reason in found["skipped"]:
        print(f"skipped: {reason}")


def draw(found: Mapping[str, Any], path: Path) -> None:
    """Draw each metric by system beside Drain3's, with the bars they are held to."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams.update({"svg.hashsalt": "tracepulse", "svg.fonttype": "none"})
    from matplotlib import pyplot as plt

    names = list(found["systems"])
    figure, axes = plt.subplots(1, len(METRICS), figsize=(12, 0.35 * len(names) + 1.2), sharey=True)
    for axis, metric in zip(axes, METRICS, strict=True):
        ours = [found["systems"][name][metric] for name in names]
        axis.barh(range(len(names)), ours, color="#4477aa", label="TracePulse")
        if found["drain3"]:
            theirs = [found["systems"][name]["drain3"][metric] for name in names]
            axis.plot(theirs, range(len(names)), "o", color="#ee9922", label="Drain3")
        axis.axvline(TARGETS[metric], color="#cc3311", lw=1, label="bar for the mean")
        axis.axvline(found[f"mean_{metric}"], color="#222222", lw=1, ls=":", label="mean")
        axis.set_yticks(range(len(names)), names)
        axis.set_xlim(0, 1.02)
        axis.set_title(metric.replace("_", " "), fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].invert_yaxis()
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=4, fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with one folder a system")
    parser.add_argument("--quick", action="store_true", help="250,000 lines for the speed")
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--figure", type=Path, help="draw the metrics into this SVG file")
    chosen = parser.parse_args(arguments)
    found = measure(chosen.data, chosen.quick, chosen.seed)
    if chosen.figure:
        draw(found, chosen.figure)
    if chosen.json:
        print(json.dumps(found))
    else:
        _report(found)


if __name__ == "__main__":
    main()
