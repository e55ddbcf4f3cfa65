"""Process tags, and the tools of the tag and caption editor."""
