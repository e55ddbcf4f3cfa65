"""The page: the only home of gradio. One panel per section of the guide, and the shell around them."""
