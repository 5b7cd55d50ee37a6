"""What keeps the stack from doing what was asked, told so that the reader can act."""


class Problem(Exception):
    """Something the user can mend: what is wrong, and what to do about it, in one sentence."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class GaveUp(Exception):
    """The stack itself failed; ``sentence`` says where, and names the log."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
