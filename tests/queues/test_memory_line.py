import pytest

from tests.queues.contract_line_store import LineStoreContract, LineUnderTest
from tests.queues.contract_presence import PresenceContract
from tests.queues.memory_line import MemoryLine


class TestMemoryLine(LineStoreContract, PresenceContract):
    @pytest.fixture
    def line(self) -> LineUnderTest:
        return MemoryLine()
