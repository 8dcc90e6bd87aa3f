"""What ``ccbench inspect`` says of a compressed dataset: one file for each section and each figure."""

from ccbench.inspection import colors, contact_sheet, contents, curves, ratios, scored, selected, selection
from ccbench.inspection.subject import Subject, open_subject

# by their keys in --json; facts(subject) -> JSON-able data or None, lines(facts) -> text for people
SECTIONS = {"contents": contents, "ratio": ratios, "selection": selection, "colors": colors}
# by the end of their file's name; png(subject, **options) -> a PNG file's bytes, or None where there is nothing to draw
FIGURES = {"colors": curves, "images": contact_sheet, "selection": selected, "scored": scored}

__all__ = ["FIGURES", "SECTIONS", "Subject", "open_subject"]
