"""A matrix over architectures: what cannot take the size is a row with its reason, and the run is a success."""

import csv
import json
import os
import subprocess
import sys

REASON = "a ConvNet of 6 blocks cannot take images of 32x32 pixels"


def test_a_network_that_does_not_fit_is_skipped_and_the_others_go_on(tmp_path):
    out = tmp_path / "out"
    request = ["--dataset", "ccbench-kit", "--protocol", "ccbench-kit", "--methods", "random", "--ratio", "0.5"]
    networks = ["--seeds", "1", "--arch", "quicknet,convnet-d6", "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "ccbench", "-p", "ccbench.testing.offers", "run", *request, *networks],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    with (out / "leaderboard.csv").open() as file:
        rows = {row["architecture"]: row for row in csv.DictReader(file)}
    assert rows["quicknet"]["status"] == "ok"
    assert rows["convnet[depth=6]"]["status"].startswith(f"skipped: {REASON}")
    assert "images of at least 64 pixels" in rows["convnet[depth=6]"]["status"]
    assert rows["convnet[depth=6]"]["accuracy_mean"] == ""
    records = [json.loads(path.read_text()) for path in out.glob("results/**/*.json")]
    assert sorted((r["architecture"], r["status"]) for r in records) == [
        ("convnet[depth=6]", "skipped"),
        ("quicknet", "ok"),
    ]
    assert "1 ok" in done.stderr
    assert "1 skipped" in done.stderr
