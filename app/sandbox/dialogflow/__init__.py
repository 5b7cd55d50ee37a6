"""Dialogflow CX: an agent whose conversations ask the wallet what to say."""
