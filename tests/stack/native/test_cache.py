import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from stack.native.toolchain.cache import (
    cache_dir,
    exclusive,
    is_built,
    require_space,
    size_of,
    staged,
    tool_dir,
)
from stack.native.toolchain.catalogue import GO
from stack.native.toolchain.errors import ToolError
from stack.native.toolchain.kinds import GoTool

HOLDER = """
import sys
from pathlib import Path
from stack.native.toolchain.cache import exclusive
with exclusive(Path(sys.argv[1]), print):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_root_and_other_users_have_different_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert cache_dir({"XDG_CACHE_HOME": "/x"}) == Path("/var/cache/stegmaier-lms")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert cache_dir({"XDG_CACHE_HOME": "/x"}) == Path("/x/stegmaier-lms")
    assert cache_dir({}) == Path.home() / ".cache" / "stegmaier-lms"
    assert cache_dir({"XDG_CACHE_HOME": "relative"}) == Path.home() / ".cache" / "stegmaier-lms"


def test_the_user_can_choose_the_folder() -> None:
    assert cache_dir({"STACK_CACHE_DIR": "/elsewhere"}) == Path("/elsewhere")
    with pytest.raises(ToolError, match="STACK_CACHE_DIR is 'here'; give an absolute path"):
        cache_dir({"STACK_CACHE_DIR": "here"})


def test_folders_are_named_after_version_or_hash(tool: GoTool, cache: Path) -> None:
    assert tool_dir(cache, tool) == cache / "tools" / f"greeting-{tool.key}"
    assert tool_dir(cache, GO) == cache / f"go-{GO.release}"


def test_a_tool_is_built_only_with_all_its_binaries(tool: GoTool, cache: Path) -> None:
    folder = tool_dir(cache, tool)
    folder.mkdir(parents=True)
    for name in tool.binaries:
        assert not is_built(cache, tool)
        (folder / name).touch(mode=0o755)
    assert is_built(cache, tool)


def test_a_staged_folder_appears_complete_and_readable(tmp_path: Path) -> None:
    final = tmp_path / "tools" / "x-1"
    previous = os.umask(0o077)
    try:
        with staged(final) as partial:
            (partial / "x").write_text("1")
            assert not final.exists()
    finally:
        os.umask(previous)
    assert [path.name for path in final.parent.iterdir()] == ["x-1"]
    assert stat.S_IMODE(final.stat().st_mode) == 0o755


def test_a_failed_stage_leaves_nothing(tmp_path: Path) -> None:
    final = tmp_path / "x-1"
    with pytest.raises(FileNotFoundError), staged(final) as partial:
        (partial / "half" / "file").touch()
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_a_killed_build_are_removed(tmp_path: Path) -> None:
    (tmp_path / "x-1.partial-4711").mkdir()
    (tmp_path / "x-1.partial-4711" / "half").touch()
    with staged(tmp_path / "x-1"):
        assert [path.name for path in tmp_path.iterdir()] == [f"x-1.partial-{os.getpid()}"]


def test_a_second_process_waits_and_names_the_first(cache: Path) -> None:
    sentences: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(cache)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"

        def release(sentence: str) -> None:
            assert holder.stdin is not None
            sentences.append(sentence)
            holder.stdin.close()

        with exclusive(cache, release):
            assert holder.wait() == 0
    assert sentences == [f"Another build (process {holder.pid}) is running; waiting for it."]


def test_an_unusable_cache_path_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ToolError, match=r"cannot be written .* set STACK_CACHE_DIR"),
        exclusive(tmp_path / "file" / "cache", print),
    ):
        pass


def test_the_error_for_too_little_space_says_how_much_is_needed(tmp_path: Path) -> None:
    with pytest.raises(
        ToolError, match=r"GB free, but building the tools needs 1000000\.0 GB .* STACK_CACHE_DIR"
    ):
        require_space(tmp_path, 10**15, reusable=lambda: 0)


def test_leftovers_of_an_interrupted_build_count_as_free_space(tmp_path: Path) -> None:
    require_space(tmp_path, 10**15, reusable=lambda: 10**15)


def test_size_counts_files_below(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(bytes(10))
    (tmp_path / "c").write_bytes(bytes(5))
    assert size_of(tmp_path) == 15
    assert size_of(tmp_path / "none") == 0
