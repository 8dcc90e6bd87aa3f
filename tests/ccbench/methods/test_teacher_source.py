"""Which teacher a run uses, and how that becomes part of a cell's name."""

from dataclasses import replace
from fractions import Fraction

import pytest

from ccbench.errors import UserError
from ccbench.methods.teacher_source import TeacherSource
from ccbench.records.cells import Cell


def test_another_content_under_the_same_name_is_another_teacher(tmp_path):
    file = tmp_path / "t.pth"
    file.write_bytes(b"one")
    one = TeacherSource.of(file, "resnet18")
    file.write_bytes(b"two")
    two = TeacherSource.of(file, "resnet18")
    assert one.label != two.label
    assert one.label.startswith("resnet18@")
    assert TeacherSource.from_plain(one.plain()) == one


def test_no_teacher_given_has_no_label():
    assert TeacherSource.of(None).label == TeacherSource.from_plain(None).label == ""
    assert TeacherSource.of(None, "resnet50").label == "resnet50"


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="cannot read the teacher"):
        TeacherSource.of(tmp_path / "none.pth")


def test_a_teacher_is_part_of_a_cell():
    cell = Cell(dataset="cifar10", method="dcq", kept=Fraction(1, 12), architecture="quicknet", protocol="quick")
    assert cell.id == replace(cell, teacher="").id != replace(cell, teacher="resnet18@1").id
