import pytest

pytest.register_assert_rewrite("tests.queues.contract_line_store", "tests.queues.contract_presence")
