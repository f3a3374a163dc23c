"""Judgements made elsewhere as the columns of our own tables, with where each was read."""

from array import array
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NoReturn, TypeAlias

import numpy as np
import pandas as pd

from nami_bench.errors import InputError
from nami_bench.export.csv_columns import is_name
from nami_bench.export.foreign.entries import Entry
from nami_bench.export.foreign.reading import Repeats

_SHOWN_CONFLICTS = 3
_COMMON = ("study", "annotator", "prompt_id", "criterion")
_Codes: TypeAlias = "np.ndarray[Any, Any]"
_OF_VOTES = {"left_sample": 0, "right_sample": 0, "count": 1}
NAMES = {"ratings": (*_COMMON, "model"), "comparisons": (*_COMMON, "left", "right")}


class _Coded:
    """A column of texts: each distinct one is kept once."""

    def __init__(self) -> None:
        self._codes = array("i")
        self._index: dict[Any, int] = {}

    def add(self, value: Any) -> None:
        if value is None:
            self._codes.append(-1)
        else:
            self._codes.append(self._index.setdefault(value, len(self._index)))

    def codes(self) -> "np.ndarray[Any, Any]":
        return np.frombuffer(self._codes, dtype=np.int32) if self._codes else np.zeros(0, np.int32)

    def distinct(self) -> list[Any]:
        return list(self._index)

    def categorical(self) -> "pd.Categorical[str]":
        return pd.Categorical.from_codes(self.codes(), pd.Index(self.distinct(), dtype=object))


class Collected:
    """Judgements of one kind, ratings or comparisons, as they come.

    A line that is there twice, to the letter, counts once (`twice`); so does an answer that a person gives
    again to the same thing (`again`). Of different answers `repeats` says which one counts: the first, the
    last, or, of comparisons, each; else `finish` refuses them, by their lines.
    """

    def __init__(self, kind: str, repeats: Repeats) -> None:
        self.kind = kind
        self._repeats = repeats
        self._names = {name: _Coded() for name in NAMES[kind]}
        self._reasons, self._outcomes, self._files = _Coded(), _Coded(), _Coded()
        self._samples, self._numbers, self._digests = array("q"), array("q"), array("q")
        self._durations, self._times, self._values = array("d"), array("d"), array("d")
        self._numbers_of_votes = {name: array("q") for name in _OF_VOTES}
        self._weights = array("d")
        self._word = "line"
        self.twice = self.again = self.repeated = 0

    def __len__(self) -> int:
        return len(self._samples)

    def add(self, row: Mapping[str, Any], entry: Entry, digest: int) -> None:
        """One judgement with all its fields: names as texts, `sample`, `value` or `outcome` or `reason`,
        `duration_ms` and `created_at`. Raises ValueError for a name that is empty or unprintable."""
        for name, column in self._names.items():
            text = row[name]
            if text not in column._index and not is_name(text):
                raise ValueError(f"{name} is empty or unprintable")
            column.add(text)
        value = row.get("value")
        at: datetime | None = row.get("created_at")
        self._values.append(np.nan if value is None else value)
        self._outcomes.add(row.get("outcome"))
        self._reasons.add(row.get("reason"))
        self._samples.append(row["sample"])
        self._durations.append(np.nan if row.get("duration_ms") is None else row["duration_ms"])
        self._times.append(np.nan if at is None else at.timestamp())
        self._digests.append(digest)
        for name, usual in _OF_VOTES.items():
            self._numbers_of_votes[name].append(row.get(name, usual))
        self._weights.append(row.get("weight", 1.0))
        self._files.add(entry.file)
        self._numbers.append(entry.number)
        self._word = entry.word

    def finish(self) -> pd.DataFrame:
        """The columns of our own table; raises InputError for answers that contradict each other."""
        frame = pd.DataFrame(
            {
                **{name: column.categorical() for name, column in self._names.items()},
                "sample": np.array(self._samples, dtype=np.int64),
                "reason": self._reasons.categorical(),
                "duration_ms": pd.Series(np.array(self._durations)).round().astype("Int64"),
                "created_at": pd.to_datetime(np.array(self._times), unit="s", utc=True).as_unit("us"),
                "_row": np.arange(len(self)),
            }
        )
        if self.kind == "ratings":
            frame["value"] = np.array(self._values)
        else:
            frame["outcome"] = self._outcomes.categorical()
            frame["position"] = pd.array([pd.NA] * len(self), dtype="Int64")
            for name, numbers in self._numbers_of_votes.items():
                frame[name] = np.array(numbers, dtype=np.int64)
            frame["weight"] = np.array(self._weights)
        return self._once(frame).reset_index(drop=True)

    def place(self, row: int) -> str:
        """Where a row, by its `_row`, stands."""
        file = self._files.distinct()[self._files.codes()[row]]
        return f"{file}, {self._word} {self._numbers[row]}"

    def _once(self, frame: pd.DataFrame) -> pd.DataFrame:
        key = self._key(frame)
        repeated = key.duplicated(keep=False)
        if not repeated.any():
            return frame
        digests = np.array(self._digests)
        same_line = key[repeated].assign(digest=digests[repeated]).duplicated()
        self.twice = int(same_line.sum())
        frame = frame.drop(same_line[same_line].index)
        key = key.loc[frame.index]
        answers = self._answers(frame)
        if self._repeats == "each" and self.kind == "comparisons":
            return self._each(frame, key)
        again = pd.concat([key, answers], axis=1).duplicated()
        if self._repeats in ("first", "last"):
            kept = ~key.duplicated(keep=self._repeats)
            self.again, self.repeated = int(again.sum()), int((~kept & ~again).sum())
            return frame[kept]
        self.again = int(again.sum())
        frame, key = frame[~again], key[~again]
        conflicts = key.duplicated()
        if conflicts.any():
            self._refuse_conflicts(frame, key, conflicts.to_numpy())
        return frame

    def _key(self, frame: pd.DataFrame) -> pd.DataFrame:
        """What is judged, and by whom; of pairs whichever stood on the left."""
        names = [name for name in self._names if name not in ("left", "right")]
        key = pd.DataFrame({name: self._names[name].codes() for name in names}, index=frame.index)
        if self.kind == "ratings":
            return key.assign(sample=frame["sample"])
        models: dict[str, int] = {}
        samples = 1 + int(max(frame["left_sample"].max(), frame["right_sample"].max()))
        left, right = (
            self._numbered(side, models) * samples + frame[f"{side}_sample"].to_numpy()
            for side in ("left", "right")
        )
        return key.assign(first=np.minimum(left, right), second=np.maximum(left, right))

    def _numbered(self, side: str, models: dict[str, int]) -> "_Codes":
        """The models of one side by numbers that both sides share."""
        numbers = [models.setdefault(name, len(models)) for name in self._names[side].distinct()]
        return np.take(np.array(numbers, dtype=np.int64), self._names[side].codes())

    def _answers(self, frame: pd.DataFrame) -> pd.DataFrame:
        if self.kind == "ratings":
            return frame[["value", "reason"]]
        outcome = frame["outcome"].astype(object)
        winner = outcome.mask(outcome == "left", frame["left"].astype(object))
        winner = winner.mask(outcome == "right", frame["right"].astype(object))
        return pd.DataFrame({"winner": winner, "reason": frame["reason"]})

    def _each(self, frame: pd.DataFrame, key: pd.DataFrame) -> pd.DataFrame:
        """Further answers of one person to one pair, by how many came before."""
        number = key.groupby(list(key.columns), sort=False).cumcount()
        self.repeated = int((number > 0).sum())
        return frame.assign(repeat=number)

    def _refuse_conflicts(self, frame: pd.DataFrame, key: pd.DataFrame, wrong: _Codes) -> NoReturn:
        found = []
        for at in np.flatnonzero(wrong)[:_SHOWN_CONFLICTS]:
            first = int((key == key.iloc[at]).all(axis=1).to_numpy().argmax())
            now, before = frame.iloc[int(at)], frame.iloc[first]
            where = self.place(int(before["_row"])).rpartition(", ")[2]
            found.append(
                f"{self.place(int(now['_row']))}, {now['annotator']} on {now['criterion']}: "
                f"{self._said(now)}, and in {where} {self._said(before)}"
            )
        count = int(wrong.sum())
        more = f" and {count - len(found)} more" if count > len(found) else ""
        each = ", each" if self.kind == "comparisons" else ""
        raise InputError(
            f"{count} answer{'s' * (count > 1)} contradict{'s' * (count == 1)} an earlier one of the same "
            f"person to the same thing ({'; '.join(found)}{more}): mend the file, or say with --repeats what "
            f"counts: first, last{each}"
        )

    def _said(self, row: Any) -> str:
        answer = row["value"] if self.kind == "ratings" else row["outcome"]
        if pd.isna(answer):
            return str(row["reason"])
        if self.kind == "ratings":
            return f"{answer:g}"
        return {"left": str(row["left"]), "right": str(row["right"])}.get(answer, str(answer))
