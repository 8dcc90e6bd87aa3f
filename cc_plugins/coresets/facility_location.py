"""Facility location: every image should have one among the kept that is like it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cc_plugins.coresets._choosing import choosing
from cc_plugins.coresets._submodular import PARAMS, Submodular

if TYPE_CHECKING:
    from cc_plugins.coresets._choosing import Group
    from cc_plugins.submodular.functions import FacilityLocation as Function

SPEC = choosing(
    "facility-location",
    "cc_plugins.coresets.facility_location:FacilityLocation",
    summary="keeps images to one of which every image has a similar gradient",
    params=PARAMS,
    cost="similarities of all pairs, held for a class of up to 5,792 images (256 MiB), made as they are looked at for "
    "a larger one: time quadratic in its images, memory linear",
)


class FacilityLocation(Submodular):
    """Maximise the sum over all images of the largest similarity, (1 + cosine) / 2, to a kept one."""

    def function(self, group: Group) -> Function:
        """Of the group's gradients."""
        from cc_plugins.submodular.functions import Cosine
        from cc_plugins.submodular.functions import FacilityLocation as Function

        return Function(Cosine(group.gradients()))
