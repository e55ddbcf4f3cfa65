"""The guide's "Concepts, Styles, and Outfits" and "Multiple Concepts"."""
