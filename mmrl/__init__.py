"""mmrl: reinforcement fine-tuning of vision-language models, from built data to evaluated checkpoint."""

__version__ = "0.1.0"
