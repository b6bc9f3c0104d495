"""Tiny SmolVLM and Idefics3: a SigLIP tower over tiles of a picture, pixel shuffle, a Llama text model."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from tests.zoo.parts import INITIALIZER_RANGE, chat_template, family_tokenizer, seeded_model, text_sizes, vision_sizes

TILE = 32
"""Side of a tile in pixels: 4 x 4 patches of 8, shuffled into 4 tokens."""
PLACES = tuple(f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7))


def allow_missing_number_words() -> None:
    """Where ``num2words`` is not installed, let SmolVLM's processor spell the number of frames by digits.

    The processor refuses to be built without that package, which it uses only for "... series of four frames ...".
    """
    from transformers.models.smolvlm import processing_smolvlm

    if find_spec("num2words") is None:
        processing_smolvlm.num2words = str


def _tokenizer() -> Any:
    named = {
        "image_token": "<image>",
        "fake_image_token": "<fake_token_around_image>",
        "global_image_token": "<global-img>",
        "end_of_utterance_token": "<end_of_utterance>",
    }
    return family_tokenizer(eos="<end_of_utterance>", named=named, others=PLACES)


def _processor(name: str, tokenizer: Any) -> Any:
    import transformers

    sizes: dict[str, Any] = {"size": {"longest_edge": 2 * TILE}, "max_image_size": {"longest_edge": TILE}}
    template = chat_template(
        start="<|im_start|>",
        opening="(message.role | capitalize) + ': '",
        image="<image>",
        video="<video>",
        closing="<end_of_utterance>\\n",
        reply="Assistant:",
    )
    if name == "idefics3":
        return transformers.Idefics3Processor(
            transformers.Idefics3ImageProcessor(**sizes), tokenizer, image_seq_len=4, chat_template=template
        )
    allow_missing_number_words()
    return transformers.SmolVLMProcessor(
        transformers.SmolVLMImageProcessor(**sizes),
        tokenizer,
        transformers.SmolVLMVideoProcessor(num_frames=8, fps=1, **sizes),
        image_seq_len=4,
        chat_template=template,
    )


def build(name: str, *, seed: int, layers: int) -> tuple[Any, Any]:
    """Return the model and processor of one of the two; SmolVLM with tied embeddings, as its small sizes have."""
    import transformers

    tokenizer = _tokenizer()
    prefix = {"smolvlm": "SmolVLM", "idefics3": "Idefics3"}[name]
    text = {"model_type": "llama", **text_sizes(tokenizer, layers=layers)}
    config = getattr(transformers, f"{prefix}Config")(
        text_config={**text, "attention_bias": False, "rope_parameters": {"rope_type": "default", "rope_theta": 100.0}},
        vision_config=vision_sizes(image_size=TILE),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        initializer_range=INITIALIZER_RANGE,
        tie_word_embeddings=name == "smolvlm",
        pad_token_id=tokenizer.pad_token_id,
        dtype="float32",
    )
    model = seeded_model(getattr(transformers, f"{prefix}ForConditionalGeneration"), config, seed=seed)
    return model, _processor(name, tokenizer)
