from __future__ import annotations

import pytest

from mmrl.errors import InputError
from mmrl.families import FAMILIES, answer_frame, family_of, load_processor, model_type_of
from mmrl.types import Frame


def test_each_model_type_belongs_to_one_family():
    types = [name for family in FAMILIES for name in family.model_types]
    assert len(types) == len(set(types))
    assert family_of("qwen3_vl_moe").name == "qwen3_vl"


def test_unknown_model_type_names_the_nearest():
    with pytest.raises(InputError, match="nearest: qwen2_5_vl"):
        family_of("qwen2_5vl")


@pytest.mark.parametrize(
    ("model_type", "expected"),
    [
        ("qwen2_5_vl", Frame(kind="model", width=1316, height=728)),
        ("qwen3_vl", Frame(kind="permille", width=1000, height=1000)),
        ("llava_onevision", Frame(kind="unit", width=1, height=1)),
    ],
)
def test_frame_of_a_full_hd_picture(model_type, expected):
    frame = answer_frame(family_of(model_type), 1920, 1080, factor=28, min_pixels=3136, max_pixels=1_003_520)
    assert frame == expected


def test_missing_model_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"found no config\.json"):
        model_type_of(str(tmp_path))
    with pytest.raises(InputError, match="no folder here and could not be loaded"):
        model_type_of("nobody/no-such-model")


def test_pixel_budget_reaches_the_processor_and_its_frames():
    from mmrl.families import frame_rule
    from mmrl.types import Media

    processor = load_processor("tiny", max_pixels=56 * 56 * 4)
    rule = frame_rule(family_of("qwen2_5_vl"), processor)
    frame = rule(Media(path="x.png", width=448, height=448, sha256="0"))
    assert (frame.width, frame.height) == (112, 112)


def test_a_limit_without_the_other_keeps_the_processors_own():
    size = load_processor("tiny", min_pixels=4000).image_processor.size
    assert (size["shortest_edge"], size["longest_edge"]) == (4000, 50176)
