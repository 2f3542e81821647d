"""ERPs, each behind its simulator."""

import pytest

pytest.register_assert_rewrite("tests.adapters.erps.contract", "tests.adapters.erps.rig")
