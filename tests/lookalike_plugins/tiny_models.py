"""Tiny random models of the real classes, with tokenizers and processors, built on disk in a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}<start_of_turn>"
    "{{ 'model' if message['role'] == 'assistant' else message['role'] }}\n{{ message['content'] | trim }}"
    "<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
TEXT = [
    "West of House. You are standing in an open field west of a white house, with a boarded front door.",
    "go north, go south, open the mailbox, take the lamp, light the lamp, climb the tree, look, inventory",
    "What is your next action? Answer with one action and nothing else. You are the navigator.",
]


def save_tokenizer(folder: Path, template: str, special: list[str], end: str) -> Any:
    """A byte-level tokenizer of a few hundred tokens, trained on a few sentences."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=360, special_tokens=special, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(TEXT * 3, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=special[0], eos_token=end, pad_token=special[0]
    )
    fast.add_special_tokens({"additional_special_tokens": special})
    fast.chat_template = template
    fast.save_pretrained(folder)
    return fast


def save_llama(folder: Path) -> Path:
    """A llama with two layers."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = save_tokenizer(folder, CHATML, ["<s>", "<|im_start|>", "<|im_end|>"], "<|im_end|>")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=4096, initializer_range=0.3,
        eos_token_id=tokenizer.eos_token_id, bos_token_id=0, pad_token_id=0,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def save_gemma(folder: Path) -> Path:
    """A Gemma of the first generation, the class of the paper's gemma-7b-it, with its template."""
    import torch
    from transformers import GemmaConfig, GemmaForCausalLM

    special = ["<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"]
    tokenizer = save_tokenizer(folder, GEMMA, special, "<eos>")
    torch.manual_seed(1)
    end = tokenizer.convert_tokens_to_ids("<end_of_turn>")
    config = GemmaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=1, head_dim=8, max_position_embeddings=4096, initializer_range=0.3,
        eos_token_id=[tokenizer.eos_token_id, end], bos_token_id=0, pad_token_id=0,
    )  # fmt: skip
    GemmaForCausalLM(config).save_pretrained(folder)
    return folder


PICTURES = (
    "{% for message in messages %}{{ message['role'] }}:{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %}<end_of_utterance>\n"
    "{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
)


SIGHT = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
         "image_size": 32, "patch_size": 8}  # fmt: skip
WORDS = {"model_type": "llama", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
         "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 16384, "pad_token_id": 0,
         "initializer_range": 0.3}  # fmt: skip
PICTURE_TOKENS = ["<s>", "<end_of_utterance>", "<image>", "<fake_token_around_image>", "<global-img>"]


def save_smolvlm2(folder: Path) -> Path:
    """A SmolVLM, the class of SmolVLM2, with its processor of pictures and videos: that one needs torchvision."""
    import torch
    from transformers import (
        SmolVLMConfig,
        SmolVLMForConditionalGeneration,
        SmolVLMImageProcessor,
        SmolVLMProcessor,
        SmolVLMVideoProcessor,
    )

    tokenizer = save_tokenizer(folder, PICTURES, PICTURE_TOKENS, "<end_of_utterance>")
    # What the processor asks its tokenizer for by name.
    for name, token in {"fake_image_token": 3, "global_image_token": 4, "image_token": 2}.items():
        setattr(tokenizer, name, PICTURE_TOKENS[token])
        setattr(tokenizer, f"{name}_id", tokenizer.convert_tokens_to_ids(PICTURE_TOKENS[token]))
    tokenizer.end_of_utterance_token = PICTURE_TOKENS[1]
    size = {"longest_edge": 32}
    pictures = SmolVLMImageProcessor(size=size, max_image_size=size, do_image_splitting=False)
    sampling = {"fps": 1, "max_frames": 8, "video_size": size}
    videos = SmolVLMVideoProcessor(size=size, max_image_size=size, video_sampling=sampling)
    processor = SmolVLMProcessor(pictures, tokenizer, videos, image_seq_len=4, chat_template=PICTURES)
    processor.save_pretrained(folder)
    torch.manual_seed(8)
    config = SmolVLMConfig(
        vision_config={**SIGHT, "model_type": "smolvlm_vision"},
        text_config={**WORDS, "vocab_size": len(tokenizer)},
        scale_factor=2,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )
    model = SmolVLMForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder)
    return folder


def save_smolvlm(folder: Path) -> Path:
    """An Idefics3, the class of SmolVLM, with two layers of text and two of sight."""
    import torch
    import transformers
    from transformers import Idefics3Config, Idefics3ForConditionalGeneration, Idefics3Processor

    tokenizer = save_tokenizer(folder, PICTURES, PICTURE_TOKENS, "<end_of_utterance>")
    size = {"longest_edge": 32}
    # The one that does without torchvision was called otherwise before.
    sees = getattr(transformers, "Idefics3ImageProcessorPil", None) or transformers.Idefics3ImageProcessor
    pictures = sees(size=size, max_image_size=size, do_image_splitting=False)
    Idefics3Processor(pictures, tokenizer, image_seq_len=4, chat_template=PICTURES).save_pretrained(folder)
    torch.manual_seed(8)  # one that writes steps: many write an empty list
    config = Idefics3Config(
        vision_config=SIGHT,
        text_config={**WORDS, "vocab_size": len(tokenizer)},
        scale_factor=2,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )
    model = Idefics3ForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder)
    return folder
