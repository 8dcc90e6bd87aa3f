"""``folder:PATH``, a user's own images."""

from __future__ import annotations

from collections import Counter

from cc_plugins.datasets.layout import Layout, find
from cc_plugins.datasets.pictures import UnreadableError, size_of
from cc_plugins.datasets.reading import Reader, decode, fingerprint, unreadable
from ccbench.plugin import DataSource, ImageStream, NoTest, UserError


class Folder:
    """``PATH/train/<class>/*`` and ``PATH/test/<class>/*`` (``val`` is accepted), or ``PATH/<class>/*``.

    Which files count and what is held back for testing is in :mod:`.layout`, how they become pixels in
    :mod:`.pictures`.

    Images of one size keep it. Otherwise, or whenever it is given, ``--image-size S`` makes all of them S x S.
    """

    def fingerprint(self, source: DataSource) -> str:
        """See :func:`.reading.fingerprint`."""
        return fingerprint(find(source.argument, source.test_share))

    def splits(self, source: DataSource) -> dict[str, ImageStream | NoTest]:
        """The splits, decoded while they stream.

        Raises:
            UserError: a folder of another layout, several image sizes and no ``--image-size``, or files
                that cannot be read (each is named) without ``--skip-bad``.
        """
        layout = find(source.argument, source.test_share)
        bad, sizes = _headers(layout)
        if bad and not source.skip_bad:
            # the rest may be truncated behind a sound header: read it all, so that the user hears once of every file
            rest = tuple(n for s in layout.splits for n in s.files if n not in bad)
            bad |= {name: reason for name, pixels, reason in decode(layout, rest, 1, 256) if pixels is None}
            raise unreadable(layout, bad)
        if not sizes:
            raise unreadable(layout, bad, "give a folder with images that can be read")
        if source.image_size is None and len(sizes) > 1:
            raise UserError(
                f"{layout.name} has images of {len(sizes)} sizes (width x height)",
                found=", ".join(
                    [f"{w}x{h} ({n} images)" for (w, h), n in sizes.most_common(5)] + ["..."] * (len(sizes) > 5)
                ),
                mend="--image-size 64 scales the largest centred square of each image to 64x64",
            )
        width, height = next(iter(sizes)) if source.image_size is None else (source.image_size, source.image_size)
        return Reader(layout, height, width, source.image_size, source.skip_bad, bad=bad).streams()


def _headers(layout: Layout) -> tuple[dict[str, str], Counter[tuple[int, int]]]:
    bad: dict[str, str] = {}
    sizes: Counter[tuple[int, int]] = Counter()
    for split in layout.splits:
        for name in split.files:
            try:
                sizes[size_of(layout.root / name)] += 1
            except UnreadableError as error:
                bad[name] = str(error)
    return bad, sizes
