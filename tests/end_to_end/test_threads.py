"""How many threads train, as asked for on the command line, and as a record says."""

import pytest


@pytest.mark.slow
def test_threads_of_a_training_are_in_its_record(ccbench, records, tmp_path):
    given = ["--protocol", "tiny", "--seeds", "1", "--out", "out"]
    unset = {"OMP_NUM_THREADS": ""}
    ccbench("run", "--methods", "random", "--ratio", "0.9", *given, "--threads", "2", env=unset)
    (record,) = records(tmp_path / "out")
    assert record["environment"]["threads"] == "2"
    (file,) = (tmp_path / "out/artifacts").glob("*.ccb")
    for said, asked, found in (("", (), "1"), ("2", (), "2"), ("2", ("--threads", "1"), "1")):
        env = {"OMP_NUM_THREADS": said}
        ccbench("evaluate", file, "--protocol", "tiny", "--out", f"one{said}{len(asked)}", *asked, env=env)
        (record,) = records(tmp_path / f"one{said}{len(asked)}")
        assert record["environment"]["threads"] == found
