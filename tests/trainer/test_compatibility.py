from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
import trl

from mmrl.errors import DependencyError
from mmrl.trainer import GRPOTrainer
from mmrl.trainer.compatibility import require_trl

HOOKS = {
    "_send_telemetry": ["self"],
    "_prepare_inputs": ["self", "generation_batch"],
    "_generate_and_score_completions": ["self", "inputs"],
    "_tokenize_prompts": ["self", "prompts"],
    "_generate_single_turn": [
        "self",
        "prompt_ids",
        "images",
        "multimodal_fields",
        "num_generations",
        "has_tool_images",
    ],
    "_load_from_checkpoint": ["self", "resume_from_checkpoint", "model"],
    "_save_checkpoint": ["self", "model", "trial"],
}
"""What TRL's hooks take in the supported range, for every one that the trainer overrides."""

ATTRIBUTES = [
    "_buffered_inputs",
    "_step",
    "_tokenizer",
    "generation_config",
    "generation_kwargs",
    "num_generations_eval",
]
"""Private state that the trainer reads or sets."""

OVERRIDDEN = sorted(
    name for name, value in vars(GRPOTrainer).items() if inspect.isfunction(value) and hasattr(trl.GRPOTrainer, name)
)


@pytest.mark.parametrize("hook", [name for name in OVERRIDDEN if name != "__init__"])
def test_overridden_hook_of_trl_has_the_signature_that_we_expect(hook: str) -> None:
    found = list(inspect.signature(getattr(trl.GRPOTrainer, hook)).parameters)
    assert found == HOOKS.get(hook), f"TRL's hook {hook} takes {found}; adapt mmrl.trainer.grpo.GRPOTrainer.{hook}"


@pytest.mark.parametrize("hook", [name for name in OVERRIDDEN if name != "__init__"])
def test_override_takes_what_the_hook_takes(hook: str) -> None:
    ours = list(inspect.signature(getattr(GRPOTrainer, hook)).parameters)
    assert ours == list(inspect.signature(getattr(trl.GRPOTrainer, hook)).parameters), hook


def test_constructor_starts_as_trls_does() -> None:
    assert list(inspect.signature(trl.GRPOTrainer.__init__).parameters)[:4] == ["self", "model", "reward_funcs", "args"]


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_private_state_is_still_there(attribute: str) -> None:
    assert f"self.{attribute}" in inspect.getsource(trl.GRPOTrainer), attribute


@pytest.mark.parametrize("version", ["1.16.0", "1.16.3"])
def test_supported_versions_pass(version: str) -> None:
    require_trl(version)


@pytest.mark.parametrize("version", ["1.15.2", "1.17.0", "2.0.0", None])
def test_other_versions_are_refused_with_the_range(version: str | None) -> None:
    with pytest.raises(DependencyError, match=r"trl>=1\.16,<1\.17; found") as caught:
        require_trl(version)
    assert (version or "none installed") in str(caught.value)


def test_importing_the_trainer_reads_no_package_metadata() -> None:
    """What TRL reads on being imported is its own affair; ours must add nothing."""
    program = """
import sys
import trl, torch, transformers, datasets, peft, accelerate
import mmrl.config, mmrl.curriculum, mmrl.families, mmrl.rewards
from trl.trainer import grpo_trainer, utils
def watch(event, arguments):
    if event == "open" and str(arguments[0]).endswith("METADATA"):
        raise AssertionError(arguments)
sys.addaudithook(watch)
import mmrl.trainer
"""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
