"""The guide's "Grabber": search boorus, download, and take in one's own pictures."""
