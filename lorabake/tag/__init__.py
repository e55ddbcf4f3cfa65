"""The guide's "Generate tags": taggers look at pictures, and their words become captions."""
