"""How difficult prompts are, as models outside of a pair tell.

A prompt's common difficulty cancels in a difference of two models on the same images. But where different
annotators rated the two images it does not cancel within an annotator, whose part of the variance it then
blows up. So it is taken out of the pair's ratings as far as the other models know it, k d_p with

    d_p = mean of the other models' images at p, as deviations from their model's score, less what their
          annotators deviate on average over the other models,

centred over the pair's images, and k, within 0 to 1, the slope of the pair's mean on d. Neither model's own
noise is in d, and the difference stays as it is. The annotators' deviations have to come out of d: else
who rated both the others and one of the two would lose his severity from that one's pulls.
"""

from collections.abc import Sequence

import numpy as np

from nami_bench.evaluation.human.estimates import sums
from nami_bench.evaluation.human.model_ratings import Influence, ModelRatings
from nami_bench.evaluation.human.ratings_array import Floats, Integers

_NOTHING = 1e-9
"""Images, or shares of them: less is rounding."""


class Difficulty:
    """What the models tell of the prompts by one criterion."""

    def __init__(self, models: Sequence[ModelRatings], criterion: int, sizes: tuple[int, int]) -> None:
        """`sizes`: the numbers of prompts and annotators."""
        self._models, self._criterion = models, criterion
        self._prompts, annotators = sizes
        # By model and prompt, or annotator: images (parts of them), and their deviations from the score.
        self._of_prompt = np.stack([self._sums(m, m.prompt, self._prompts) for m in models])
        self._of_annotator = np.stack([self._sums(m, m.annotator, annotators) for m in models])
        self._all_prompts, self._all_annotators = self._of_prompt.sum(axis=0), self._of_annotator.sum(axis=0)
        cell = np.concatenate([m.prompt * annotators + m.annotator for m in models])
        cells, cell_of_row = np.unique(cell, return_inverse=True)
        self._cell_prompt, self._cell_annotator = np.divmod(cells, max(annotators, 1))
        self._cell_images = np.bincount(
            cell_of_row, weights=np.concatenate([self._images(m) for m in models])
        ).astype(float)

    def shift(self, first: int, second: int, influences: Sequence[Influence]) -> Floats:
        """k d_p for two models, given both influences on what they share, shape (prompts,)."""
        pair = [self._models[first], self._models[second]]
        images, deviation = self._all_prompts - self._of_prompt[first] - self._of_prompt[second]
        raters, severity = self._all_annotators - self._of_annotator[first] - self._of_annotator[second]
        severity = np.where(raters > _NOTHING, severity / np.maximum(raters, _NOTHING), 0.0)
        owed = self._by_prompt(self._cell_prompt, self._cell_images * severity[self._cell_annotator])
        for model in pair:
            owed -= self._by_prompt(model.prompt, self._images(model) * severity[model.annotator])
        known = np.where(images > 0.5, (deviation - owed) / np.maximum(images, 1.0), 0.0)
        weight = self._by_prompt(pair[0].prompt, influences[0].weight)
        known -= weight @ known
        pulls = [self._by_prompt(m.prompt, found.pull) for m, found in zip(pair, influences, strict=True)]
        square = float(weight @ known**2)
        slope = float(known @ (pulls[0] + pulls[1])) / 2 / square if square > 0 else 0.0
        return known * min(max(slope, 0.0), 1.0)

    def _images(self, model: ModelRatings) -> Floats:
        """By row, the part of an image that it is."""
        return model.whole[self._criterion].weight * float(model.images[self._criterion])

    def _sums(self, model: ModelRatings, code: Integers, codes: int) -> Floats:
        """Images and their deviations by code, shape (2, codes)."""
        images = float(model.images[self._criterion])
        whole = model.whole[self._criterion]
        return images * sums(code, np.stack((whole.weight, whole.pull), axis=-1), codes).T

    def _by_prompt(self, prompt: Integers, values: Floats) -> Floats:
        return np.bincount(prompt, weights=values, minlength=self._prompts).astype(float)
