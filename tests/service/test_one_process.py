"""One serving process a data folder: what the running one has begun is never taken for lost."""

from pathlib import Path

import pytest

from handrail.config import load
from handrail.errors import Unavailable
from handrail.wiring import build


def test_a_second_process_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    settings = load({}, data=tmp_path)
    first, second = build(settings), build(settings)
    first.start()
    try:
        with pytest.raises(Unavailable, match="another Handrail"):
            second.start()
    finally:
        second.close()
        first.close()

    third = build(settings)
    third.start()  # the first let go
    third.close()
