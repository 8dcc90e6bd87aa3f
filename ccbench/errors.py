"""What can go wrong, by whose it is to mend: the user's, a method's, or nobody's because a cell makes no sense."""

import errno
from collections.abc import Sequence


class UserError(Exception):
    """A fault of the input, the command or the machine that its reader can mend.

    Commands print it as plain text and exit with code 2; everything else is a
    defect of the program or of a plugin and keeps its traceback.

    Args:
        what: what is wrong, one sentence.
        found: what was found instead, where that helps.
        mend: the command or value that mends it.

    Examples:
        >>> print(UserError("the ratio lies above 0 and below 1", found=92, mend="--ratio 0.92"))
        the ratio lies above 0 and below 1
          found: 92
          mend:  --ratio 0.92
    """

    exit_code = 2

    def __init__(self, what: str, *, found: object = None, mend: str | None = None) -> None:
        self.what = what
        self.found = None if found is None else str(found)
        self.mend = mend
        lines = [what]
        if self.found:
            lines.append(f"  found: {self.found}")
        if mend:
            lines.append(f"  mend:  {mend}")
        super().__init__("\n".join(lines))

    def __reduce__(self):  # crosses process borders whole
        return _rebuild, (type(self), self.what, self.found, self.mend)


class Unfit(UserError):  # noqa: N818 - it is an outcome, as Skipped is
    """An architecture or a method cannot take these data; its cells are skipped with this reason and others go on."""


class MethodError(Exception):
    """A method broke its contract; the text says which clause and what was found."""


class Skipped(Exception):  # noqa: N818 - it is an outcome, not an error
    """A method said that this cell makes no sense; the text is its reason."""


FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says where a file may not grow."""


def short_of_memory(error: BaseException) -> str:
    """What an exception says where memory could not be had (by numpy, torch, a library that loads), otherwise ""."""
    lines = str(error).splitlines() or [type(error).__name__]
    told = next((line for line in lines if any(text in line.lower() for text in _NO_MEMORY)), "")
    sure = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
    return " ".join((told or (lines[0] if sure else "")).split())[:200]


_NO_MEMORY = ("can't allocate memory", "cannot allocate memory", "unable to allocate", "failed to map segment")


def few(names: Sequence[str], most: int = 8) -> str:
    """The first of some names and how many more there are, for an error or a note.

    Examples:
        >>> few(["cat", "dog", "owl"], most=2), few([])
        ('cat, dog and 1 more', 'none')
    """
    text = ", ".join(names[:most]) or "none"
    text += f" and {len(names) - most} more" if len(names) > most else ""
    return text.encode(errors="backslashreplace").decode()  # file names that are no UTF-8 could not be printed


def _rebuild(cls: type[UserError], what: str, found: str | None, mend: str | None) -> UserError:
    return cls(what, found=found, mend=mend)
