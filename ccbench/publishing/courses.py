"""How a row's trainings went: the curves of its records as tables, of which its page draws plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ccbench.leaderboard.columns import number
from ccbench.publishing.board import Line

Values = Mapping[int, float]  # by the iterations done


@dataclass(frozen=True)
class Track:
    """One line of a plot, one column of its table.

    Attributes:
        title: of the column, with what its numbers are of.
        name: of the line.
        aside: whether it has a scale of its own, at the right.
        values: by the iterations done.
        form: of its numbers, as text.
    """

    title: str
    name: str
    values: Values
    form: str
    aside: bool = False


@dataclass(frozen=True)
class Course:
    """A table of curves over the iterations of a training.

    Attributes:
        title: what it shows; ``axis`` what its lines are measured in, ``beside`` what the one with its own scale is.
        tracks: its columns.
    """

    title: str
    axis: str
    tracks: Sequence[Track]
    beside: str = ""

    @property
    def rows(self) -> list[list[str]]:
        """Iterations, then a text for each track, "" where it has no point."""
        places = sorted({place for track in self.tracks for place in track.values})
        return [
            [f"{place:,}", *(number(track.values.get(place), track.form) for track in self.tracks)] for place in places
        ]


def courses(line: Line) -> list[Course]:
    """What the records of a row say of their trainings: loss and learning rate, then looks at the test set."""
    told = {a.record.seed: a.record.curve for a in line.counting if a.record.curve is not None}
    losses, rates, looks = list[Track](), list[Track](), list[Track]()
    for seed, curve in told.items():
        name = f"seed {seed}"
        losses.append(Track(f"Loss, {name}", name, dict(zip(curve.iterations, curve.loss, strict=True)), ".4g"))
        rate = dict(zip(curve.iterations, curve.lr, strict=True))
        if rate not in [track.values for track in rates]:
            title = "Learning rate" if not rates else f"Learning rate, {name}"
            rates.append(Track(title, title.lower(), rate, ".3g", aside=True))
        if curve.looked:
            shares = dict(zip(curve.looked, (100 * share for share in curve.accuracy), strict=True))
            looks.append(Track(f"Accuracy (%), {name}", name, shares, ".2f"))
    found = [Course("Loss and learning rate", "mean training loss", [*losses, *rates], "learning rate")] if told else []
    return found + ([Course("Accuracy on the way", "test accuracy (%)", looks)] if looks else [])


def without(line: Line) -> str:
    """Why a row, or some of its seeds, has no curve; "" where all have one."""
    trained = [a.record for a in line.counting if a.record.ok]
    bare = [str(record.seed) for record in trained if record.curve is None]
    if not trained:
        return "There is no curve: no training of this row ended well."
    if len(bare) == len(trained):
        return "There is no curve: these records are older than curves."
    return f"There is no curve of seed {', '.join(bare)}: its record is older than curves." if bare else ""
