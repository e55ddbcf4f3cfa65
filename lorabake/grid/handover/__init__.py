"""The chosen file, ready for the web UI: under its name, with what the web UI wants to know of it.

settings, choice, words, card and folders are light; make and hub do the work in a process of their
own (`python -m lorabake.grid.handover`).
"""
