"""The rules against a second, naive statement of them, on random detections."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from nami_bench.domain import GENEVAL_COLORS, GENEVAL_RELATIONS
from nami_bench.evaluation.geneval.protocol import Detection
from nami_bench.evaluation.geneval.rules import GenEvalParams, judge

IMAGE = Image.new("RGB", (64, 64))


class ColorsByBox:
    """Knows each object's color by its box."""

    identity = "by-box"

    def __init__(self, colors):
        self.colors = colors

    def classify(self, image, detections):
        return [self.colors[detection.box] for detection in detections]


@pytest.mark.parametrize("images", [400, pytest.param(4000, marks=pytest.mark.slow)])
def test_many_random_images_get_the_verdict_and_the_reasons_of_a_naive_statement_of_the_rules(images):
    rng = np.random.default_rng(2310)
    seen = Counter()
    for _ in range(images):
        metadata, detections, colors, max_overlap = random_case(rng)
        found = judge(
            metadata, detections, IMAGE, ColorsByBox(colors), GenEvalParams(max_overlap=max_overlap)
        )
        assert found.reason == naive_reason(metadata, detections, colors, max_overlap)
        assert found.correct is (found.reason == "")
        seen.update(
            kind for kind in ("; and", "no target", ">=", "<", "target, found") if kind in found.reason
        )
        seen["correct"] += found.correct
    assert min(seen.values()) > images / 40
    assert len(seen) == 6


def random_case(rng):
    """Metadata of up to three clauses over three classes, up to 20 detections of each on a small grid."""
    names = ["cup", "dog", "kite"]
    include = []
    for index in range(rng.integers(1, 4)):
        clause = {"class": str(rng.choice(names)), "count": int(rng.integers(1, 4))}
        if rng.random() < 0.4:
            clause["color"] = str(rng.choice(GENEVAL_COLORS[:2]))
        if index and rng.random() < 0.6:
            clause["position"] = [str(rng.choice(GENEVAL_RELATIONS)), int(rng.integers(index))]
        include.append(clause)
    metadata = {"tag": str(rng.choice(["counting", "position"])), "include": include, "prompt": "p"}
    if rng.random() < 0.5:
        metadata["exclude"] = [{"class": str(rng.choice(names)), "count": int(rng.integers(1, 5))}]
    detections, colors = [], {}
    for name in names:
        for _ in range(rng.choice([0, 1, 2, 3, 20], p=[0.1, 0.3, 0.3, 0.2, 0.1])):
            left, top = rng.integers(0, 25, 2)
            width, height = rng.integers(1, 8, 2)
            box = tuple(float(v) for v in (left, top, left + width, top + height))
            detections.append(Detection(name, box, float(rng.uniform(rng.choice([0.1, 0.85]), 1))))
            colors[box] = str(rng.choice(GENEVAL_COLORS[:2]))
    order = rng.permutation(len(detections))
    return metadata, [detections[i] for i in order], colors, float(rng.choice([1.0, 0.5, 0.2]))


def naive_reason(metadata, detections, colors, max_overlap):
    """GenEval's rules once more: pixel sets for overlaps, exact fractions for directions, plain loops."""
    threshold = 0.9 if metadata["tag"] == "counting" else 0.3
    lines, matched = [], []
    for clause in metadata["include"]:
        name, count, problem = clause["class"], clause["count"], None
        top = naive_kept(detections, name, threshold, max_overlap)[:count]
        if len(top) < count:
            problem = f"expected {name}>={count}, found {len(top)}"
        if problem is None and "color" in clause:
            counts = Counter(colors[d.box] for d in top)
            if counts[clause["color"]] < count:
                listed = ", ".join(f"{counts[c]} {c}" for c in GENEVAL_COLORS if counts[c])
                problem = (
                    f"expected {clause['color']} {name}>={count}, "
                    f"found {counts[clause['color']]} {clause['color']}; and {listed}"
                )
        if problem is None and "position" in clause:
            relation, target = clause["position"]
            if matched[target] is None:
                problem = f"no target for {name} to be {relation}"
            else:
                pairs = [naive_relations(d.box, t.box) for d in top for t in matched[target]]
                wrong = [found for found in pairs if relation not in found]
                if wrong:
                    problem = f"expected {name} {relation} target, found {' and '.join(wrong[0])} target"
        matched.append(top if problem is None else None)
        lines += [] if problem is None else [problem]
    for clause in metadata.get("exclude", []):
        found = len(naive_kept(detections, clause["class"], threshold, max_overlap))
        if found >= clause["count"]:
            lines.append(f"expected {clause['class']}<{clause['count']}, found {found}")
    return "\n".join(lines)


def naive_kept(detections, name, threshold, max_overlap):
    pool = [d for d in detections if d.class_name == name and d.score > threshold]
    ranked = []
    while pool and len(ranked) < 16:
        best = max(pool, key=lambda d: d.score)
        pool.remove(best)
        ranked.append(best)
    kept = []
    for candidate in ranked:
        pixels = naive_pixels(candidate.box)
        overlaps = [len(pixels & (o := naive_pixels(k.box))) / len(pixels | o) for k in kept]
        if max_overlap == 1 or all(overlap < max_overlap for overlap in overlaps):
            kept.append(candidate)
    return kept


def naive_pixels(box):
    left, top, right, bottom = map(int, box)
    return {(x, y) for x in range(left, right + 1) for y in range(top, bottom + 1)}


def naive_relations(a, b):
    shrunk, offsets = [], []
    for low, high in ((0, 2), (1, 3)):
        offset = Fraction(int(a[low] + a[high]) - int(b[low] + b[high]), 2)
        reduction = Fraction(int(a[high] - a[low]) + int(b[high] - b[low]), 10)
        size = max(abs(offset) - reduction, Fraction(0))
        shrunk.append(size if offset > 0 else -size)
        offsets.append(offset)
    squared = offsets[0] ** 2 + offsets[1] ** 2
    # |d| / length > 1/2, without a root.
    strong = [4 * d * d > squared for d in shrunk]
    found = [
        "left of" if strong[0] and shrunk[0] < 0 else "right of" if strong[0] else None,
        "above" if strong[1] and shrunk[1] < 0 else "below" if strong[1] else None,
    ]
    return [relation for relation in found if relation]
