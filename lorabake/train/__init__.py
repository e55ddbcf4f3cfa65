"""From a frozen dataset and a recipe to one LoRA file per epoch."""
