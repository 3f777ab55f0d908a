"""The README and every page of `docs/` do what they say."""

import shutil
from pathlib import Path

import pytest

from tests.documents import Reader, blocks_of

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not on PATH: the pages use it")
@pytest.mark.timeout(120)
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
async def test_a_document_does_what_it_says(document: Path, tmp_path: Path) -> None:
    assert blocks_of(document), f"{document.name} has no code; is the fence misspelt?"
    await Reader(tmp_path).follow(document)
