"""A seal: the sha256 of a whole file inside the file itself, so that no damaged weight is taken for a good one.

A file is written with `BLANK` in a place that its format has for remarks, and hashed; then the hash takes the place of
the blank. A reader puts the blank back and hashes again. Files of other programs have no seal and are not checked.
"""

from __future__ import annotations

import hashlib
import re

from striate.errors import ModelFileError, received

NAME = "striate_seal"
"""What the remark is called: an attribute of HDF5 files, a metadata entry of safetensors."""
BLANK = "sha256:" + "0" * 64
_SEAL = re.compile(r"sha256:[0-9a-f]{64}")


def sealed(content: bytes) -> bytes:
    """The file's content with its hash in place of `BLANK`, which must be in it once."""
    return content.replace(BLANK.encode(), f"sha256:{hashlib.sha256(content).hexdigest()}".encode(), 1)


def check_seal(content: bytes, seal: str | None, what: str) -> None:
    """Compares a file with its seal, if it has one.

    Raises:
        ModelFileError: the file is not what was written.
    """
    if seal is None:
        return
    mark = seal.encode()
    at = content.find(mark)
    hasher = hashlib.sha256(memoryview(content)[:max(at, 0)])
    hasher.update(BLANK.encode())
    hasher.update(memoryview(content)[at + len(mark):])
    if not _SEAL.fullmatch(seal) or at < 0 or seal != f"sha256:{hasher.hexdigest()}":
        raise ModelFileError(f"{what} is damaged: it is not what was written. If another program changed it on "
                             f"purpose, remove its remark {NAME!r}. " + received(sha256=hasher.hexdigest(), seal=seal))
