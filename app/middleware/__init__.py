"""The layers around every request, outermost first: see ``app/main.py`` for their order and its reasons."""
