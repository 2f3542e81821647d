"""Returns platforms, each behind its simulator."""

import pytest

pytest.register_assert_rewrite("tests.adapters.platforms.contract")
