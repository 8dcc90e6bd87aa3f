"""What methods that make new pictures share: encoding, the teacher's labels of them, and the set they end in.

Here only the parameters; see :func:`cc_plugins.synthetic.dataset.synthetic` for what they do.
"""

from ccbench.plugin import Param

CODECS = ("jpeg", "png")
CHROMA = ("auto", "444", "420")
STORES = (
    "one encoded picture for each image of the budget, its label, and with soft_labels=stored 16 bits for each class "
    "and picture"
)


def stored(chroma: str) -> tuple[Param, ...]:
    """The parameters of what is stored.

    Args:
        chroma: its default, of :data:`CHROMA`.
    """
    return (
        Param(name="codec", default="jpeg", choices=CODECS, doc="format of the stored pictures"),
        Param(name="quality", default=75, low=1, high=100, doc="of JPEG"),
        Param(
            name="chroma",
            default=chroma,
            choices=CHROMA,
            doc="colour of JPEG at full (444) or half resolution (420); auto: full up to 64 pixels, half above",
        ),
        Param(
            name="soft_labels",
            default="none",
            choices=("none", "stored"),
            doc="stored: the teacher's predictions in the file, 16 bits per class and image",
        ),
        Param(name="temperature", default=1.0, low=0.01, high=1000, doc="of the stored soft labels"),
    )
