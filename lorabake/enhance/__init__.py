"""Improving the quality of pictures: upscaling models, Lanczos, the contrast of old screencaps."""
