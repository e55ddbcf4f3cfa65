"""The guide's "dupeGuru": which pictures are there twice, and which of them to keep."""
