"""What the config.json of well-known open models says, and what their makers publish. Met in week 9's explore notebook
on the landscape.

Only the fields that decide about sizes, under the names that they have there. The key is a model's address on
https://huggingface.co, where its config.json lies; the numbers were taken from copies of these files in public
repositories and from the defaults of transformers' classes. A test builds each model with transformers' own class and
counts. What is published stands in the papers and pages of `SOURCES`.
"""

from __future__ import annotations

from typing import Any

CONFIGS: dict[str, dict[str, Any]] = {
    "Qwen/Qwen3-0.6B": {
        "model_type": "qwen3", "vocab_size": 151_936, "hidden_size": 1_024, "num_hidden_layers": 28,
        "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 3_072,
        "tie_word_embeddings": True, "max_position_embeddings": 40_960,
    },
    "mistralai/Mistral-7B-v0.1": {
        "model_type": "mistral", "vocab_size": 32_000, "hidden_size": 4_096, "num_hidden_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14_336,
        "sliding_window": 4_096, "tie_word_embeddings": False, "max_position_embeddings": 32_768,
    },
    "meta-llama/Llama-3.1-8B": {
        "model_type": "llama", "vocab_size": 128_256, "hidden_size": 4_096, "num_hidden_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14_336,
        "tie_word_embeddings": False, "max_position_embeddings": 131_072,
    },
    "openai/gpt-oss-20b": {
        "model_type": "gpt_oss", "vocab_size": 201_088, "hidden_size": 2_880, "num_hidden_layers": 24,
        "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 64, "intermediate_size": 2_880,
        "num_local_experts": 32, "num_experts_per_tok": 4, "attention_bias": True, "sliding_window": 128,
        "layer_types": ["sliding_attention", "full_attention"] * 12,
        "tie_word_embeddings": False, "max_position_embeddings": 131_072,
    },
    "Qwen/Qwen3-30B-A3B": {
        "model_type": "qwen3_moe", "vocab_size": 151_936, "hidden_size": 2_048, "num_hidden_layers": 48,
        "num_attention_heads": 32, "num_key_value_heads": 4, "head_dim": 128, "intermediate_size": 6_144,
        "num_experts": 128, "num_experts_per_tok": 8, "moe_intermediate_size": 768,
        "tie_word_embeddings": False, "max_position_embeddings": 40_960,
    },
    "openai/gpt-oss-120b": {
        "model_type": "gpt_oss", "vocab_size": 201_088, "hidden_size": 2_880, "num_hidden_layers": 36,
        "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 64, "intermediate_size": 2_880,
        "num_local_experts": 128, "num_experts_per_tok": 4, "attention_bias": True, "sliding_window": 128,
        "layer_types": ["sliding_attention", "full_attention"] * 18,
        "tie_word_embeddings": False, "max_position_embeddings": 131_072,
    },
    "meta-llama/Llama-3.1-405B": {
        "model_type": "llama", "vocab_size": 128_256, "hidden_size": 16_384, "num_hidden_layers": 126,
        "num_attention_heads": 128, "num_key_value_heads": 8, "intermediate_size": 53_248,
        "tie_word_embeddings": False, "max_position_embeddings": 131_072,
    },
    "deepseek-ai/DeepSeek-V3": {
        "model_type": "deepseek_v3", "vocab_size": 129_280, "hidden_size": 7_168, "num_hidden_layers": 61,
        "num_attention_heads": 128, "num_key_value_heads": 128, "head_dim": 128, "intermediate_size": 18_432,
        "n_routed_experts": 256, "num_experts_per_tok": 8, "n_shared_experts": 1,
        "moe_intermediate_size": 2_048, "first_k_dense_replace": 3, "q_lora_rank": 1_536, "kv_lora_rank": 512,
        "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
        "tie_word_embeddings": False, "max_position_embeddings": 163_840,
    },
}  # fmt: skip

# As their makers round them, in billions: (all weights, those active for a token).
PUBLISHED: dict[str, tuple[float, float]] = {
    "Qwen/Qwen3-0.6B": (0.6, 0.6),
    "mistralai/Mistral-7B-v0.1": (7.3, 7.3),
    "meta-llama/Llama-3.1-8B": (8.03, 8.03),
    "openai/gpt-oss-20b": (20.9, 3.6),
    "Qwen/Qwen3-30B-A3B": (30.5, 3.3),
    "openai/gpt-oss-120b": (116.8, 5.1),
    "meta-llama/Llama-3.1-405B": (405.0, 405.0),
    "deepseek-ai/DeepSeek-V3": (671.0, 37.0),
}

SOURCES: dict[str, str] = {
    "Qwen/Qwen3-0.6B": "Qwen3 Technical Report, arXiv 2505.09388",
    "mistralai/Mistral-7B-v0.1": "https://mistral.ai/news/announcing-mistral-7b, arXiv 2310.06825",
    "meta-llama/Llama-3.1-8B": "https://huggingface.co/meta-llama/Llama-3.1-8B (8.03B)",
    "openai/gpt-oss-20b": "gpt-oss-120b & gpt-oss-20b Model Card, arXiv 2508.10925",
    "Qwen/Qwen3-30B-A3B": "Qwen3 Technical Report, arXiv 2505.09388",
    "openai/gpt-oss-120b": "gpt-oss-120b & gpt-oss-20b Model Card, arXiv 2508.10925",
    "meta-llama/Llama-3.1-405B": "The Llama 3 Herd of Models, arXiv 2407.21783",
    "deepseek-ai/DeepSeek-V3": "DeepSeek-V3 Technical Report, arXiv 2412.19437",
}
