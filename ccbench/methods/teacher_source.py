"""Which teacher a run uses when it is not simply the protocol's own: a file, another network, or both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ccbench.errors import UserError
from ccbench.files import file_digest, readable


@dataclass(frozen=True, kw_only=True)
class TeacherSource:
    """``--teacher FILE`` and ``--teacher-arch NAME``; empty for the teacher that the protocol trains.

    Attributes:
        file: trained weights, as text; "" to train by the protocol's ``[teacher]`` recipe.
        architecture: the network; None for that of the recipe.
        digest: of the file, so that another file under the same name is another teacher.
    """

    file: str = ""
    architecture: str | None = None
    digest: str = ""

    @classmethod
    def of(cls, file: str | Path | None, architecture: str | None = None) -> TeacherSource:
        """From what a user wrote.

        Raises:
            UserError: there is no such file, or it may not be read.
        """
        if not file:
            return cls(architecture=architecture)
        path = Path(file)
        try:
            with readable(path):
                return cls(file=str(path.resolve()), architecture=architecture, digest=file_digest(path))
        except OSError as error:
            raise UserError(
                f"cannot read the teacher {path}",
                found=error.strerror or error,
                mend="--teacher takes weights as .safetensors, or a checkpoint that torch.load reads with weights_only",
            ) from None

    @property
    def label(self) -> str:
        """What tells two teachers apart, such as ``resnet50@1f0c3a9be2d4``; "" for the protocol's own."""
        name = self.architecture or ""
        return f"{name}@{self.digest[:12]}" if self.digest else name

    def plain(self) -> dict[str, Any]:
        """JSON-able fields, for another process; :meth:`from_plain` reads them back."""
        return asdict(self)

    @classmethod
    def from_plain(cls, fields: Mapping[str, Any] | None) -> TeacherSource:
        """The source that :meth:`plain` wrote down; None is the protocol's own teacher."""
        return cls(**fields) if fields else cls()
