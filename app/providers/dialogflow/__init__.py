"""Dialogflow CX: conversations that ask us what to say."""
