"""LaTeX of boards with hostile names, set by pdflatex itself where it is installed."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from nami_bench.evaluation.leaderboard.rows import (
    AutomaticColumn,
    AutomaticScore,
    Interval,
    Leaderboard,
)
from nami_bench.export.latex import leaderboard_latex
from nami_bench.export.latex_text import latex_note, latex_text
from tests.nami_bench.leaderboard.test_leaderboard_formats import board

NASTY = r"50%_a&b#c$d^e~f{g}\input{x}"
NAMES = (
    NASTY,
    "[x] 通义万相-文生图 2.5",
    "Кандинский \N{COMBINING ACUTE ACCENT} Łódź Ångström ąęğşİıß",
    "نموذج \N{RIGHT-TO-LEFT OVERRIDE} ไทย 🎨 e\N{COMBINING CEDILLA}",
    "\"quoted\" `back` ''two'' --dashes--- <b>|x| ?` !`",
    "*starred* ≤≥≈²°µ†‡§ “curly” … × · → ½ € №",
    "a/very/long/path/of/a/model-that-has-been-fine-tuned_for_ever@0123456789abcdef",
)
DOCUMENT = r"""\documentclass[%s]{article}
\usepackage{booktabs}
\setlength{\hfuzz}{1pt}
\begin{document}
\listoftables
See Table~\ref{tab:nami-bench-1}.
\input{board}
\end{document}
"""


def nasty() -> Leaderboard:
    """Many models with such names, on many columns, one of them with a criterion of the same kind."""
    weights = "ab" * 32
    columns = tuple(
        AutomaticColumn(metric, "子-set_1", f"{metric}_{weights}@cuda/0", of_sets=metric == "fid")
        for metric in ("fid", "pickscore", "vqa-score", "clip-score", "hpsv2", "image-reward", "dpg_x")
    )
    good, evil = board().rows
    scores = {c.key: AutomaticScore(0.5, {}, 8, 8, Interval(0.25, 0.75)) for c in columns}
    rows = tuple(
        replace(good, model=name, automatic=scores, rank=place, gaps=(f"{name}: {weights} lost",))
        for place, name in enumerate(NAMES, start=1)
    )
    found = board(rows=(*rows, evil), automatic=columns, study="étude_№1 & 研究")
    pairs = tuple(replace(found.pairs[0], first=first, second=evil.model) for first in NAMES)
    return replace(found, pairs=pairs, prompt_sets={"子-set_1": weights}, cautions=(NASTY, *NAMES))


def test_latex_escapes_names_and_uses_booktabs() -> None:
    text = leaderboard_latex(board(rows=(replace(board().rows[0], model=NASTY), board().rows[1]))).decode()
    name = r"50\%\_a\&b\#c\$d\textasciicircum{}e\textasciitilde{}f\{g\}\textbackslash{}input\{x\}"
    assert name in text.replace(r"\allowbreak{}", "") and r"\input" not in text
    counts = {text.count(word) for word in (r"\toprule", r"\bottomrule", r"\end{tabular}", r"\label{tab:")}
    assert len(counts) == 1 and counts.pop() >= 9
    assert "{}1 & " in text and "55.5--64.5" in text
    assert text.count("{") == text.count("}")


def test_wide_tables_go_on_in_others_with_the_same_models() -> None:
    text = leaderboard_latex(nasty()).decode()
    first = [table for table in text.split(r"\begin{table*}") if r"\caption[{Scores" in table]
    assert len(first) > 1
    for table in first:
        assert [line.split(" & ")[0] for line in table.splitlines() if line.startswith("    {}1 ")] == [
            "    {}1"
        ]
        widths = {line.count(" & ") for line in table.splitlines() if line.endswith(r"\\")}
        assert len(widths) == 1
    titles = " & ".join(
        line for table in first for line in table.splitlines() if line.startswith("    {}\\# &")
    )
    for column in nasty().automatic:
        assert titles.count(latex_text(column.metric)) == 1


def test_hashes_are_whole_in_comments_and_short_in_print() -> None:
    lines = leaderboard_latex(nasty()).decode().splitlines()
    printed = "\n".join(line for line in lines if not line.startswith("%"))
    assert "ab" * 32 not in printed and "ab" * 6 in printed
    assert any(line.startswith("%") and "ab" * 32 in line for line in lines)


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("é", r"\'{e}"), ("ï", r"\"{\i{}}"), ("ş", r"\c{s}"), ("Ł", r"\L{}"), ("--x", "-{}-x"),
        ("模", r"\namichar{6A21}{模}"), ("ą", r"\namichar{0105}{ą}"), ("\x1b", r"\namichar{001B}{}"),
        ("a\n b", "a b"), ("?`", r"?{}\char96{}"),
    ],
)  # fmt: skip
def test_characters_are_commands_that_every_latex_has(text: str, latex: str) -> None:
    assert latex_text(text) == latex


def test_long_words_may_break_but_never_within_a_command() -> None:
    assert latex_note("(a/b_c ż.x) 1.5") == r"(a/\allowbreak{}b\_\allowbreak{}c \.{z}.\allowbreak{}x) 1.5"


@pytest.mark.slow
@pytest.mark.parametrize("options", ["a4paper", "twocolumn,a4paper", "letterpaper,twocolumn,10pt"])
def test_pdflatex_sets_it_in_one_column_and_in_two(tmp_path: Path, options: str) -> None:
    pdflatex = shutil.which("pdflatex")
    if pdflatex is None:
        pytest.skip(
            "no pdflatex here: `make latex`, or apt-get install --no-install-recommends texlive-latex-base "
            "texlive-latex-recommended texlive-latex-extra"
        )
    (tmp_path / "paper.tex").write_text(DOCUMENT % options, encoding="utf-8")
    for name, found in {"plain": board(), "nasty": nasty()}.items():
        (tmp_path / "board.tex").write_bytes(leaderboard_latex(found))
        for _ in range(2):  # the second time with the list of tables
            done = subprocess.run(
                [pdflatex, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
                cwd=tmp_path, capture_output=True, timeout=120, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout.decode(errors="replace")[-3000:]
        log = (tmp_path / "paper.log").read_text(encoding="utf-8", errors="replace")
        assert not re.search(r"Overfull \\hbox|undefined references|Missing character", log), (name, log)
        assert (tmp_path / "paper.pdf").stat().st_size > 10_000
