"""The group engine: a prompt with its completions through a model, each prompt and picture computed once."""
