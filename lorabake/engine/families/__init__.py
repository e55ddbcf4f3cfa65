"""Model families: how each loads its checkpoints, encodes prompts and names its layers."""
