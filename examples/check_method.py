"""Does a method keep the contract? python examples/check_method.py [MODULE METHOD], by default own_method.py's."""

import sys

from ccbench import testing

module, method = sys.argv[1:3] if len(sys.argv) > 2 else ("own_method", "vivid")
report = testing.check_method(method, extra=[module])  # a module of this folder; an installed plugin needs no extra
print(report)
print(f"{method}: {report.ran} of {len(report.outcomes)} checks ran, {len(report.failures)} failed")
sys.exit(not report.ok)
