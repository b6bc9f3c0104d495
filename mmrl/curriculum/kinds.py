"""What the plan of a run says about stages of other kinds than GRPO."""

from __future__ import annotations

from mmrl.config.schema import RejectionConfig, StageConfig
from mmrl.types import PromptStyle


def kind_text(stage: StageConfig, prompts: int, samples: int) -> str:
    """Return what a supervised stage trains on, as the end of a sentence; nothing for GRPO.

    Args:
        stage: the stage.
        prompts: rows that its mix offers.
        samples: completions of each that a rejection stage samples.
    """
    if stage.kind == "grpo":
        return ""
    if stage.kind == "sft":
        return "; supervised, on gold answers"
    rule = stage.rejection or RejectionConfig()
    text = (
        f"; supervised, on its own best: {prompts} prompts x {samples} completions are sampled first, of each prompt "
        f"at most {rule.keep} kept with reward {rule.reward_at_least:g} or more"
    )
    if rule.general:
        text += ", mixed with " + ", ".join(f"{share:.0%} {name}" for name, share in rule.general.items())
    if rule.guard:
        text += f"; refused where accuracy on {', '.join(rule.guard.datasets)} falls by over {rule.guard.max_drop:g}"
    return text


def kind_warnings(stage: StageConfig, style: PromptStyle) -> list[str]:
    """Return what a supervised stage may do against expectation."""
    if stage.kind == "sft" and style == "think":
        return ["gold answers have no thoughts, so prompt_style think teaches one and the same sentence before each"]
    return []
