"""Files whose content cannot be: records, facts beside files, the marker of an output folder, ``.ccb`` files."""

import json
import os
import random
import shutil

import pytest

from tests.attack.conftest import cases, fault_of

HOSTILE = (
    0, 1, -1, 2**31, 2**63, 10**30, 0.5, -0.5, 1e308, -1e308, True, None, "", "abc", "1/0", "1e999999999", "-1",
    "\ud800", "=1+1", "<script>alert(1)</script>", "a" * 5000, "\x1b[2J", [], {}, [1], [[]], {"a": {}}, ["a"] * 50,
)  # fmt: skip
RAW = ("NaN", "Infinity", "1e999", "9" * 5000, "[" * 100_000, '{"a":' * 50_000, "", "\x00", "nul", "'a'")


def changed(rng, facts):
    """The text of an object with one to three of its values replaced, taken away or added, here and there cut off."""
    facts, raw = json.loads(json.dumps(facts)), {}
    for _ in range(rng.randrange(1, 4)):
        holder, key = facts, rng.choice([*facts, "foreign"])
        while isinstance(holder.get(key), dict) and holder[key] and rng.random() < 0.6:
            holder, key = holder[key], rng.choice([*holder[key]])
        kind = rng.random()
        if kind < 0.1:
            holder.pop(key, None)
        elif kind < 0.3:
            raw[mark := f"@@{len(raw)}@@"] = rng.choice(RAW)
            holder[key] = mark
        else:
            holder[key] = rng.choice(HOSTILE)
    text = json.dumps(facts)
    for mark, content in raw.items():
        text = text.replace(f'"{mark}"', content)
    return text[: rng.randrange(len(text))] if rng.random() < 0.05 else text


@pytest.fixture(scope="module")
def out(forked, tmp_path_factory):
    """A finished run of two rows; nobody changes it."""
    place = tmp_path_factory.mktemp("whole")
    words = ("run", "-m", "random,mediancut", "--ratio", "0.96", "--seeds", "1", "-q", "--out", "out")
    brief = ("-p", "ccbench.testing.offers"), ("--protocol", "ccbench-kit")
    done = forked((*brief[0], *words, *brief[1]), place, variables=os.environ)
    assert done.code == 0, done.out + done.err
    return place / "out"


@cases(15, 1500)
def test_records(call, tally, tmp_path, out, many):
    """The board goes on without a record that cannot be, and names it; one whose checksum fits is shown escaped."""
    from ccbench.records.record import checksum

    rng = random.Random(0)
    (victim,) = (out / "results").rglob("random/*.json")
    whole = json.loads(victim.read_text())
    for number in range(many):
        copy = tmp_path / f"copy{number}"
        shutil.copytree(out / "results", copy / "results")
        shutil.copy(out / "ccbench.json", copy / "ccbench.json")
        text = changed(rng, {k: v for k, v in whole.items() if k != "checksum"})
        try:
            facts = json.loads(text)
            text = json.dumps({**facts, "checksum": checksum(facts)}) if rng.random() < 0.8 else text
        except (ValueError, RecursionError, TypeError):
            pass
        (copy / victim.relative_to(out)).write_bytes(text.encode("utf-8", "surrogatepass"))
        words = ("leaderboard", "--out", copy, "--format", rng.choice(["md", "html", "csv", "latex"]))
        done = call(*words)
        fault = fault_of(done, *words, text[:500])
        newer = "newer version of ccbench" in done["text"]
        if not fault and not newer and (done["code"] or "mediancut" not in done["text"]):
            fault = f"exit {done['code']}, and the other row must be there: {text[:500]}\n{done['text'][-500:]}"
        if not fault and "<script>" in done["text"]:
            fault = f"not escaped: {text[:500]}"
        tally.count(fault)
        shutil.rmtree(copy)


@cases(0, 800)
def test_what_lies_beside(call, tally, tmp_path, out, many):
    """The marker of the folder and the facts beside a file; a run that finds them broken says so or makes them anew."""
    rng = random.Random(1)
    sources = [out / "ccbench.json", next((out / "artifacts").glob("random*.json"))]
    for number in range(many):
        copy, victim = tmp_path / f"copy{number}", rng.choice(sources)
        shutil.copytree(out, copy)
        (copy / victim.relative_to(out)).write_bytes(
            changed(rng, json.loads(victim.read_text())).encode("utf-8", "surrogatepass")
        )
        words = rng.choice(
            [
                ("leaderboard", "--out", copy),
                ("plan", "-m", "random,mediancut", "--ratio", "0.96", "--seeds", "1", "--out", copy),
                ("inspect", next((copy / "artifacts").glob("random*.ccb"))),
            ]
        )
        tally.count(fault_of(call(*words), *words))
        shutil.rmtree(copy)


@cases(10, 2500)
def test_archives(call, tally, tmp_path, out, many):
    """Bytes of a ``.ccb`` file that were changed, cut off or doubled."""
    rng = random.Random(2)
    files = [*(out / "artifacts").glob("*.ccb")]
    for _ in range(many):
        data = bytearray(rng.choice(files).read_bytes())
        kind = rng.randrange(4)
        if kind == 0:
            data = data[: rng.randrange(len(data))]
        elif kind == 1:
            data += data[: rng.randrange(len(data))]
        else:
            for _ in range(rng.choice([1, 1, 3, 50])):
                data[rng.randrange(min(len(data), rng.choice([16, 2000, len(data)])))] = rng.randrange(256)
        place = tmp_path / "attacked.ccb"
        place.write_bytes(data)
        words = ("inspect", place)
        tally.count(fault_of(call(*words), *words))
