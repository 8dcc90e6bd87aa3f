"""The work before a training: compress, in shares where a method has them, and measure what came of it."""

from __future__ import annotations

import itertools
import math
import struct
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

from ccbench.budget import Budget
from ccbench.errors import MethodError, UserError
from ccbench.files import file_digest
from ccbench.offers.discovery import plugins
from ccbench.offers.expressions import Expression, parse
from ccbench.records.facts import Compressed, Made
from ccbench.runner.device import peak_memory
from ccbench.runner.work import Heard, Work, do
from ccbench.store import Store

__all__ = ["Compression", "Measurement", "Share", "do"]


@dataclass(frozen=True, kw_only=True)
class Compression(Work):
    """Compress a training set and write the file; what is in it is measured elsewhere.

    Attributes:
        method: label of a method expression.
        kept: the budget, a fraction of the raw bytes.
        match: ``"nominal"`` or ``"bytes"``.
        coding: of the file.
        seed: index of the repetition.
        made: digest of everything that the file depends on beside the seed; kept in the file.
        artifact: the ``.ccb`` file to write.
    """

    method: str
    kept: Fraction
    match: str = "nominal"
    coding: str = "none"
    seed: int = 0
    made: str = ""
    artifact: Path

    @property
    def doing(self) -> str:
        """As :attr:`Work.doing`."""
        return f"{self.method} compressed {self.context.dataset}"

    def work(self, progress: Heard) -> Made:
        """Compress."""
        from ccbench.archive import CompressedDataset
        from ccbench.archive.kept_scores import keep
        from ccbench.methods.compress import compress
        from ccbench.methods.match_bytes import fit_bytes

        bench, expression = self.context.bench(progress), parse(self.method, plugins())
        source, path, budget, warnings = self.context.source, self.artifact, Budget(self.kept), list[str]()
        options: dict[str, Any] = {
            "seed": self.seed,
            "watch": (str(self.context.cache), source.root and str(source.root), source.argument or None),
            "warnings": warnings,
            "meta": self._meta(expression),
        }
        started = time.perf_counter()
        if self.match == "bytes" and not expression.reference:
            result, _ = fit_bytes(expression, budget.bytes(bench.root.shape), bench, path, self.coding, **options)
        else:
            result = compress(expression, budget, bench, **options)
            CompressedDataset.save(result, path, self.coding)  # ours, whatever class the method gave back
        own = time.perf_counter() - started - sum(bench.stage_seconds.values())
        constructed = own + sum(bench.spent.values()) + sum(_of_shares(bench.store, path.name))
        try:
            keep(bench.store, result)
        except UserError as error:  # they are for looking at; the file is whole without them
            warnings.append(f"what the selection went by is not kept: {error.what} ({error.found})")
        return Made(
            compress_seconds=own,
            stage_seconds=bench.stage_seconds,
            construction_seconds=None if math.isnan(constructed) else constructed,
            peak_memory=peak_memory(),
            warnings=warnings,
        )

    def _meta(self, expression: Expression) -> dict[str, Any]:
        """What the file says of itself."""
        from ccbench.archive.origin import facts_of

        splits = self.context.untested()
        shape = splits.train.shape
        return {
            "dataset": self.context.dataset,
            "dataset_digest": splits.train.digest,
            "method": self.method,
            "protocol": self.context.protocol,
            "versions": [step.spec.version for step in expression.steps],
            "kept": str(self.kept),
            "seed": self.seed if expression.random else None,
            "base_seed": self.context.base_seed,
            "full": [shape.images, shape.height, shape.width, shape.classes],
            **facts_of(splits, self.context.source),
            "made": self.made,
            **({"match": self.match} if self.match != "nominal" else {}),
            **({"coding": self.coding} if self.coding != "none" else {}),
        }


@dataclass(frozen=True, kw_only=True)
class Measurement(Work):
    """Open a compressed file as anybody would, hold it to its budget, and measure it; no code of a method runs here.

    Attributes:
        method, kept, match: as for :class:`Compression`.
        steps: of the method.
        reference: whether it keeps everything, whatever the budget.
        artifact: the ``.ccb`` file.
        made: what is known of its making.
        beside: whether a ``.json`` beside it gets the facts.
        made_at: where a sealed compression left the file, in a folder of its own; None: at its place.
    """

    method: str
    kept: Fraction
    match: str = "nominal"
    steps: int = 1
    reference: bool = False
    artifact: Path
    made: dict[str, Any]
    beside: bool = True
    made_at: Path | None = None

    @classmethod
    def after(
        cls,
        work: Compression,
        expression: Expression,
        made: Mapping[str, Any],
        *,
        artifact: Path | None = None,
        beside: bool = True,
    ) -> Self:
        """What follows a compression.

        Args:
            work: the compression.
            expression: its method.
            made: what it gave back, as plain data.
            artifact: where the file belongs, where the compression was sealed.
            beside: see the attributes.
        """
        return cls(
            context=replace(work.context, plugins=[]),
            log=work.log,
            method=work.method,
            kept=work.kept,
            match=work.match,
            steps=len(expression.steps),
            reference=expression.reference,
            artifact=artifact or work.artifact,
            made=dict(made),
            beside=beside,
            made_at=work.artifact if artifact else None,
        )

    def work(self, progress: Heard) -> Compressed:
        """Open and measure."""
        from ccbench.archive import CompressedDataset
        from ccbench.colors import color_distance, measure_compressed, measured
        from ccbench.methods.compress import check

        if self.made_at:
            self.made_at.replace(self.artifact)
        made, train, size = Made.from_plain(self.made), self.context.untested().train, self.artifact.stat().st_size
        compressed, shape = CompressedDataset.open(self.artifact), train.shape
        budget = Budget(Fraction(1) if self.reference else self.kept)
        check(self.method, compressed, budget if self.match == "nominal" else None, train, steps=self.steps)
        if self.match == "bytes" and not self.reference and size > (most := budget.bytes(shape)):
            raise MethodError(f"{self.method} is over its budget: {size:,} bytes, {most:,} were allowed")
        colors, shown = measure_compressed(compressed), compressed.shape
        facts = Compressed(
            **asdict(made),
            bytes=size,
            sha256=file_digest(self.artifact),
            images=len(compressed),
            classes=shape.classes,
            nominal_kept=compressed.nominal_kept(shape),
            measured_kept=size / shape.raw_bytes,
            picture="" if shown == (shape.height, shape.width) else f"{shown[1]}x{shown[0]}",
            sealed=self.made_at is not None,
            colorfulness=colors.colorfulness,
            color_distance=color_distance(measured(train, Store(self.context.cache)), colors),
        )
        if self.beside:
            facts.save(self.artifact)
        return facts


@dataclass(frozen=True, kw_only=True)
class Share(Work):
    """Do one share of a compression and leave it in the store.

    Attributes:
        method, kept, seed, artifact: as for :class:`Compression`.
        part: 0 .. parts-1.
    """

    method: str
    kept: Fraction
    seed: int = 0
    artifact: Path
    part: int
    parts: int

    @property
    def doing(self) -> str:
        """As :attr:`Work.doing`."""
        return f"{self.method} prepared {self.context.dataset}"

    def work(self, progress: Heard) -> None:
        """Prepare."""
        from ccbench.methods.compress import prepare

        bench, expression = self.context.bench(progress), parse(self.method, plugins())
        started = time.perf_counter()
        prepare(expression, Budget(self.kept), bench, part=self.part, parts=self.parts, seed=self.seed)
        seconds = time.perf_counter() - started - sum(bench.stage_seconds.values())
        bench.store.blobs(_SHARES).put(_share(self.artifact.name, self.part), struct.pack("<d", seconds))


_SHARES = "share-seconds"


def _share(artifact: str, part: int) -> str:
    return Store.key(artifact=artifact, part=part)


def _of_shares(store: Store, artifact: str) -> Iterator[float]:
    """What the shares of a compression took that were done before it."""
    for part in itertools.count():
        if (kept := store.blobs(_SHARES).get(_share(artifact, part))) is None:
            return
        yield struct.unpack("<d", kept)[0]
